"""Digests of the files that a configuration names: other files are other work."""

from __future__ import annotations

import json
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from pali3kit.config.part import Part
from pali3kit.errors import DataError
from pali3kit.plan.plain import named
from pali3kit.registry import SOURCE
from pali3kit.types import Named
from pali3kit.weights.find import digest, find_weights

if TYPE_CHECKING:
    from pali3kit.data.source import Source

BESIDE = (".json", ".model", ".txt", ".py")  # the files of a folder of transformers that are no weights
READINGS = {"hf/": 2, "open_clip/": 2}
"""Raised when an adapter makes other features of the same weights or pictures: what was made is made anew."""
_sha256 = cache(digest)  # of gigabytes, asked for by every cell


def weights_of(part: Part) -> str:
    """Return the digest of a component's weights in a file or folder here, "" where it has none."""
    folder = part.name.removeprefix("hf/") if part.name.startswith("hf/") else None
    return content_of(part.options.get("weights"), part.options.get("pretrained"), folder)


def images_of(part: Part) -> str:
    """Return `weights_of` an image model, and with it how its library's adapter reads it, where that has changed."""
    told = (f"{library}{version}" for library, version in READINGS.items() if part.name.startswith(library))
    return " ".join(filter(None, (weights_of(part), *told)))


def content_of(*named: object) -> str:
    """Return the digest of the first of `named` that is a file or folder here, "" where none is.

    What lies beside the weights in a folder of transformers belongs to it: its configuration, preprocessing, tokenizer.
    """
    paths = [Path(str(path)) for path in named if path and Path(str(path)).exists()]
    if not paths:
        return ""
    weights = _sha256(find_weights(paths[0]))
    beside = sorted(file for file in paths[0].glob("*") if file.suffix in BESIDE) if paths[0].is_dir() else []
    if not beside:
        return weights
    told = "".join(f"{file.name} {_sha256(file)}\n" for file in beside)
    return sha256(f"{weights}\n{told}".encode()).hexdigest()


def data_of(source: Part) -> str:
    """Return the digest of a source's content, "" where it knows none: new pictures are new work, and so are those of
    a union in another order of its parts.
    """
    return _content(json.dumps(named(source)))


def size_of_split(source: Part, split: str) -> int:
    """Return how many images a split of a source in files has, which reads its annotations."""
    return _size(json.dumps(named(source)), split)


def languages_of(source: Named) -> tuple[str, ...]:
    """Return the languages that a source has captions in."""
    return _languages(json.dumps(source))


@cache
def _content(source: str) -> str:
    """Found once, for it may be a million files."""
    return _built(source).digest


@cache
def _size(source: str, split: str) -> int:
    from pali3kit.data.records import RecordSource

    built = _built(source)
    if not isinstance(built, RecordSource):
        raise DataError(f"source '{json.loads(source)['name']}' is endless: a benchmark's own source has a size")
    return built.size(split)


@cache
def _languages(source: str) -> tuple[str, ...]:
    return tuple(_built(source).languages)


def _built(source: str) -> Source:
    options = json.loads(source)
    return SOURCE.build(options.pop("name"), **options)
