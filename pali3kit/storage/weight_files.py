"""Files of weights: where they are, their shards and their digest. Free of torch, since `plan` reads digests."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pali3kit import durable
from pali3kit.errors import WeightsError

INDEX = "model.safetensors.index.json"
INDEX_ENDING = ".index.json"
IN_FOLDERS = (
    "model.safetensors", INDEX, "open_clip_model.safetensors", "weights.safetensors",
    "pytorch_model.bin", "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin",
)  # fmt: skip
"""Names of weights in a folder, in order of preference."""
ENDINGS = (".safetensors", ".npz", ".bin", ".pt", ".pth", ".ckpt", ".tar")
"""Endings of files of weights; `.tar` stands for `.pth.tar`, which is not a tar archive."""


def find_weights(path: Path) -> Path:
    """The file of weights at `path`, a file or a folder. Raises WeightsError where there is none."""
    try:
        if path.is_file():
            return path
        if not path.is_dir():
            raise WeightsError(f"no weights at {path}: there is no such file or folder")
        for name in IN_FOLDERS:
            if (path / name).is_file():
                return path / name
        others = sorted(file.name for file in path.iterdir() if file.name.endswith((*ENDINGS, INDEX_ENDING)))
    except OSError as error:
        raise WeightsError(f"no weights at {path}: {error.strerror}") from error
    hint = f" Name the file itself: {', '.join(others[:4])}." if others else ""
    raise WeightsError(f"no weights in {path}: it has none of {', '.join(IN_FOLDERS)}.{hint}")


def weights_digest(path: Path) -> str:
    """The sha256 of the file, or of an index followed by all its shards. Raises WeightsError for unreadable files."""
    try:
        return durable.sha256_of(path, *(shards(path) if path.name.endswith(INDEX_ENDING) else ()))
    except OSError as error:
        raise WeightsError(f"{error.filename or path} cannot be read: {error.strerror}") from error


def shards(index: Path) -> dict[Path, list[str]]:
    """The files that an index names, with the tensors that each should hold.

    Raises WeightsError if it is not an index, if a file is missing, or if a name is more than a file name: an index
    that names `../other.bin` could make us read any file.
    """
    files: dict[Path, list[str]] = {}
    for tensor, name in _weight_map(index).items():
        if not isinstance(name, str) or name in ("", ".", "..") or name != Path(name).name:
            raise WeightsError(f"{index}: weight_map gives {tensor} the file {name!r}, which is not a plain file name")
        files.setdefault(index.parent / name, []).append(tensor)
    for file in files:
        if not os.path.isfile(file):  # Path.is_file raises for a name that is too long
            raise WeightsError(f"{index} names {file.name}, which is missing: all shards are needed")
    return dict(sorted(files.items()))


def _weight_map(index: Path) -> Mapping[str, object]:
    try:
        weight_map = json.loads(index.read_bytes())["weight_map"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise WeightsError(f"{index} is not an index of shards: {error!r}") from error
    if not isinstance(weight_map, dict) or not weight_map:
        raise WeightsError(f"{index} is not an index of shards: its weight_map is {str(weight_map)[:40]}")
    return weight_map
