"""Where weights lie, and what is in them, by digest; without torch, for whoever plans a run."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path

from pali3kit.errors import WeightsError

INDEX = "model.safetensors.index.json"
INDEX_ENDING = ".index.json"
IN_FOLDERS = (
    "model.safetensors", INDEX, "open_clip_model.safetensors", "weights.safetensors",
    "pytorch_model.bin", "pytorch_model.bin.index.json", "open_clip_pytorch_model.bin",
)  # fmt: skip
"""What a folder's weights may be called, in the order in which they are taken."""
ENDINGS = (".safetensors", ".npz", ".bin", ".pt", ".pth", ".ckpt", ".tar")
"""What the name of a file of weights ends in; `.tar` is that of `.pth.tar`, which is none."""


def find_weights(path: Path) -> Path:
    """The file of weights at `path`, or in it. Raises WeightsError, naming what was looked for."""
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


def digest(path: Path) -> str:
    """SHA-256 of the file, of an index with all its shards. Raises WeightsError for what cannot be read."""
    hasher = hashlib.sha256()
    for part in [path, *shards(path)] if path.name.endswith(INDEX_ENDING) else [path]:
        try:
            with part.open("rb") as file:
                while block := file.read(1 << 20):
                    hasher.update(block)
        except OSError as error:
            raise WeightsError(f"{part} cannot be read: {error.strerror}") from error
    return hasher.hexdigest()


def shards(index: Path) -> dict[Path, list[str]]:
    """The files that an index names, with the tensors that each should hold.

    Raises WeightsError where it is no index, where a file is missing, and for one that is not beside the index: who
    wrote `../other.bin` would choose what else here is read.
    """
    files: dict[Path, list[str]] = {}
    for tensor, name in _weight_map(index).items():
        if not isinstance(name, str) or name in ("", ".", "..") or name != Path(name).name:
            raise WeightsError(f"{index}: weight_map gives {tensor} the file {name!r}, which is none beside the index")
        files.setdefault(index.parent / name, []).append(tensor)
    for file in files:
        if not os.path.isfile(file):  # which, unlike Path's, says so of a name that is too long
            raise WeightsError(f"{index} names {file.name}, which is missing: of its shards all are needed")
    return dict(sorted(files.items()))


def _weight_map(index: Path) -> Mapping[str, object]:
    try:
        said = json.loads(index.read_bytes())["weight_map"]
    except (OSError, ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise WeightsError(f"{index} is not an index of shards: {error!r}") from error
    if not isinstance(said, dict) or not said:
        raise WeightsError(f"{index} is not an index of shards: its weight_map is {str(said)[:40]}")
    return said
