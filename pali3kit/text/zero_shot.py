"""Prompts of zero-shot classification: sets of templates, and their canonical form (big_vision, CLIP)."""

from __future__ import annotations

import re
import string
from collections.abc import Sequence
from typing import get_args

from pali3kit.config.schema import Prompts
from pali3kit.errors import DataError, choose

PROMPTS = get_args(Prompts)


def _templates(name: str) -> list[str]:
    """The templates of a set, with `{}` in place of the class name.

    `class_name` is the name alone and `photo` one sentence; `clip` has the 80 templates of the CLIP paper and
    `clip_best` the 7 of them that its authors selected, both taken from open_clip. Raises DataError for another name.
    """
    if name == "class_name":
        return ["{}"]
    if name == "photo":
        return ["a photo of a {}."]
    if name not in PROMPTS:
        raise DataError(f"no set of prompts '{name}'.{choose(name, PROMPTS)}")
    import open_clip  # takes seconds, so only where it is needed

    chosen = open_clip.OPENAI_IMAGENET_TEMPLATES if name == "clip" else open_clip.SIMPLE_IMAGENET_TEMPLATES
    return [template("{}") for template in chosen]


def class_prompts(name: str, classes: Sequence[str], canonical: bool = True) -> list[list[str]]:
    """The prompts of each class, from the set `name`, in `canonical` form or as they are.

    A class name with commas is a list of synonyms: the first is used, as in big_vision's zero-shot evaluator.
    """
    names, templates = [synonyms.split(",")[0].strip() for synonyms in classes], _templates(name)
    if canonical:
        names, templates = list(map(_canonical, names)), [_canonical(template, keep="{}") for template in templates]
    return [[template.replace("{}", each) for template in templates] for each in names]


def _canonical(text: str, keep: str = "") -> str:
    """Lower case without ASCII punctuation, with single spaces for underscores and white space; `keep` stays as it is.

    This is big_vision's `canonicalize_text`, with which SigLIP's numbers were published.
    """
    parts = text.replace("_", " ").split(keep) if keep else [text.replace("_", " ")]
    bare = [part.translate(str.maketrans("", "", string.punctuation)) for part in parts]
    return re.sub(r"\s+", " ", keep.join(bare).lower()).strip()
