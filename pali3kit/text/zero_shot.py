"""Texts that ask for a class: sets of prompts, and how names and prompts are written (big_vision, CLIP)."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import get_args

from pali3kit.config.schema import Prompts
from pali3kit.errors import DataError, choose

PROMPTS = get_args(Prompts)


def _templates(name: str) -> list[str]:
    """The _templates of a set, with `{}` where the class goes.

    `class_name` is the name alone, `photo` one sentence; `clip` are the 80 of CLIP's paper and `clip_best` the 7 of
    them that its authors chose, as open_clip has them. Raises DataError for another name.
    """
    if name == "class_name":
        return ["{}"]
    if name == "photo":
        return ["a photo of a {}."]
    if name not in PROMPTS:
        raise DataError(f"no set of prompts '{name}'.{choose(name, PROMPTS)}")
    import open_clip  # seconds, for who asks for them only

    chosen = open_clip.OPENAI_IMAGENET_TEMPLATES if name == "clip" else open_clip.SIMPLE_IMAGENET_TEMPLATES
    return [template("{}") for template in chosen]


def class_prompts(name: str, classes: Sequence[str], clean: bool = True) -> list[list[str]]:
    """For each class its prompts, _canonical unless they are not to be `clean`.

    Of several names, separated by commas, the first is taken, as big_vision's zero-shot evaluator does by default.
    """
    names, asked = [one.split(",")[0].strip() for one in classes], _templates(name)
    if clean:
        names, asked = list(map(_canonical, names)), [_canonical(template, keep="{}") for template in asked]
    return [[template.replace("{}", one) for template in asked] for one in names]


def _canonical(text: str, keep: str = "") -> str:
    """Lower case, without ASCII punctuation, underscores and runs of white space as single spaces; `keep` is kept.

    big_vision's `canonicalize_text`: SigLIP's published numbers are of such texts.
    """
    parts = text.replace("_", " ").split(keep) if keep else [text.replace("_", " ")]
    bare = [part.translate(str.maketrans("", "", string.punctuation)) for part in parts]
    return re.sub(r"\s+", " ", keep.join(bare).lower()).strip()
