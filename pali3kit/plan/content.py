"""Parts and budgets as the plain JSON of a stage's slice, and the digests of the files that they name."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

from pali3kit.config.schema import Part, Resolution, Training
from pali3kit.registry import SOURCE
from pali3kit.weights.find import digest, find_weights

BESIDE = (".json", ".model", ".txt")  # the files of a folder of transformers that are no weights
_sha256 = cache(digest)  # of gigabytes, asked for by every cell

# Options that came after results did, and the values with which they change nothing: an option that is added to the
# program, and not used, must not make finished work look unfinished.
NEUTRAL: dict[str, Any] = {
    "cooldown": 0.0, "weights": None, "allow": [], "loss": "sigmoid", "crop": 1.0, "flip": False, "freeze": [],
    "bottleneck": None, "image_size": None, "gated": True, "ul2.size": None, "prefix": "appendix", "z_loss": 0.0,
    "multimodal.temperature": 1.0, "resolution.temperature": 1.0, "pairs.language": "en", "pairs.filter": False,
    "pairs.test": None, "masks.source": None, "transfer.checks": 0, "world.english": 0.75,
}  # fmt: skip


def budget(section: Training | Resolution) -> dict[str, Any]:
    """Return a stage's budget as plain values, without what says nothing."""
    values = _telling(asdict(section), f"{type(section).__name__.lower()}.")
    values["optimizer"] = _telling(values["optimizer"])
    return values


def plain(part: Part) -> dict[str, Any]:
    """Return a part as plain JSON, `{"name": ..., **options}`, as it is written in YAML, without what says nothing."""
    options = {key: _plain(value) for key, value in part.options.items()}
    return {"name": part.name, **_telling(options, f"{part.name}.")}


def _plain(value: Any) -> Any:
    """An option as plain JSON: a union's are parts by name."""
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items()}
    return plain(value) if isinstance(value, Part) else copy.deepcopy(value)


def _telling(values: Mapping[str, Any], owner: str = "") -> dict[str, Any]:
    """Leave out what is neutral, under its own name or under its owner's."""
    return {
        key: value
        for key, value in values.items()
        if not any(name in NEUTRAL and NEUTRAL[name] == value for name in (key, owner + key))
    }


def weights_of(part: Part) -> dict[str, str]:
    """Return `{"weights": sha256}` for a part with weights in a file or folder here: others are other work."""
    folder = part.name.removeprefix("hf/") if part.name.startswith("hf/") else None
    return content_of("weights", part.options.get("weights"), part.options.get("pretrained"), folder)


def content_of(key: str, *named: Any) -> dict[str, str]:
    """Return `{key: sha256}` of the first of `named` that is a file or folder here.

    What lies beside the weights in a folder of transformers belongs to it: its configuration, preprocessing, tokenizer.
    """
    paths = [Path(str(path)) for path in named if path and Path(str(path)).exists()]
    if not paths:
        return {}
    weights = _sha256(find_weights(paths[0]))
    beside = sorted(file for file in paths[0].glob("*") if file.suffix in BESIDE) if paths[0].is_dir() else []
    if not beside:
        return {key: weights}
    told = "".join(f"{file.name} {_sha256(file)}\n" for file in beside)
    return {key: sha256(f"{weights}\n{told}".encode()).hexdigest()}


def data_of(source: Part) -> dict[str, str]:
    """Return `{"data": digest}` for a source that knows its content's digest: new pictures are new work."""
    known = _content(json.dumps(plain(source), sort_keys=True))
    return {"data": known} if known else {}


@cache
def _content(source: str) -> str | None:
    """The digest of a source's content, if it knows one: found once, for it may be a million files."""
    options = json.loads(source)
    known: str | None = getattr(SOURCE.build(options.pop("name"), **options), "digest", None)
    return known
