"""Where weights lie, and what is in them, by digest; without torch, for whoever plans a run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from pali3kit.errors import WeightsError

INDEX = "model.safetensors.index.json"
IN_FOLDERS = (
    "model.safetensors", INDEX, "open_clip_model.safetensors", "weights.safetensors",
    "pytorch_model.bin", "open_clip_pytorch_model.bin",
)  # fmt: skip
"""What a folder's weights may be called, in the order in which they are taken."""


def find_weights(path: Path) -> Path:
    """The file of weights at `path`, or in it. Raises WeightsError, naming what was looked for."""
    if path.is_file():
        return path
    if not path.is_dir():
        raise WeightsError(f"no weights at {path}: there is no such file or folder")
    for name in IN_FOLDERS:
        if (path / name).is_file():
            return path / name
    raise WeightsError(f"no weights in {path}: it has none of {', '.join(IN_FOLDERS)}")


def digest(path: Path) -> str:
    """SHA-256 of the file, of an index with all its shards."""
    hasher = hashlib.sha256()
    for part in [path, *shards(path)] if path.name == INDEX else [path]:
        with part.open("rb") as file:
            while block := file.read(1 << 20):
                hasher.update(block)
    return hasher.hexdigest()


def shards(index: Path) -> list[Path]:
    """The files that an index names."""
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise WeightsError(f"{index} is not an index of shards: {error!r}") from error
    return [index.parent / Path(name).name for name in names]
