"""Features on disk: safetensors files that are memory-mapped, to be filled row by row and read without loading."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pali3kit import durable
from pali3kit.errors import DataError
from pali3kit.evals.features import Features

TYPES: dict[str, type[np.generic]] = {"F32": np.float32, "I64": np.int64, "U8": np.uint8}
ROWS = 4096  # copied at once
NAMES = {np.dtype(kind): name for name, kind in TYPES.items()}
Arrays = dict[str, np.memmap[Any, Any]]


def create_features(
    path: Path, shapes: Mapping[str, tuple[type[np.generic], Sequence[int]]], metadata: Mapping[str, str]
) -> Arrays:
    """A safetensors file of zeros to be filled in, with `metadata` as its metadata. The widest types should come first.

    Disk space is reserved at once: a full disk raises an error here, whereas writing to a mapped page later would kill
    the process.
    """
    header: dict[str, Any] = {"__metadata__": dict(metadata)}
    end = 0
    for name, (kind, shape) in shapes.items():
        begin, end = end, end + int(np.prod(shape)) * np.dtype(kind).itemsize
        header[name] = {"dtype": NAMES[np.dtype(kind)], "shape": list(shape), "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file, durable.removed_on_failure(path):
        file.write(len(text).to_bytes(8, "little") + text)
        durable.reserve(file, 8 + len(text), 8 + len(text) + end)
    return read_features(path, "r+")[0]


def read_features(path: Path, mode: str = "r") -> tuple[Arrays, dict[str, str]]:
    """The arrays of a safetensors file, memory-mapped, and its metadata. Raises DataError for a damaged file."""
    try:
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(length))
        metadata = header.pop("__metadata__", {})
        start = 8 + length
        if path.stat().st_size != start + max((one["data_offsets"][1] for one in header.values()), default=0):
            raise DataError(f"{path}: it is cut off: {path.stat().st_size} bytes")
        return {name: _mapped(path, one, start, mode) for name, one in header.items()}, metadata
    except (OSError, ValueError, MemoryError, OverflowError, AttributeError, KeyError, TypeError) as error:
        raise DataError(f"{path}: no safetensors file of features: {error}") from error


def _mapped(path: Path, entry: Mapping[str, Any], start: int, mode: Any) -> np.memmap[Any, Any]:
    """One array, memory-mapped unless it is empty."""
    kind, shape = TYPES[entry["dtype"]], tuple(entry["shape"])
    if 0 in shape:
        return np.empty(shape, kind)  # type: ignore[return-value]
    return np.memmap(path, kind, mode, start + entry["data_offsets"][0], shape)


def publish_features(unfinished: Path, path: Path) -> None:
    """Rename a completed file. Where some images are not `usable`, write one without them instead, whose `rows` are the
    numbers of the others, so that features can always be memory-mapped.
    """
    arrays, metadata = read_features(unfinished)
    rows = np.flatnonzero(arrays["usable"])
    if len(rows) == len(arrays["usable"]):
        durable.publish_file(unfinished, path)
        return
    kept: dict[str, NDArray[Any]] = {"rows": rows}
    if "labels" in arrays:
        kept["labels"] = arrays["labels"][rows]
    if "right" in arrays:
        every = _parts(arrays)
        right = [every[row] for row in rows]
        kept |= {"right": np.concatenate(right), "right_ends": np.cumsum([len(labels) for labels in right])}
    shapes: dict[str, Any] = {"features": (np.float32, (len(rows), arrays["features"].shape[1]))}
    smaller = path.with_suffix(".smaller")
    written = create_features(
        smaller, shapes | {name: (np.int64, array.shape) for name, array in kept.items()}, metadata
    )
    for name, array in kept.items():
        written[name][:] = array
    for start in range(0, len(rows), ROWS):
        some = slice(start, start + ROWS)
        written["features"][some] = arrays["features"][rows[some]]
    written["features"].flush()
    durable.publish_file(smaller, path)
    unfinished.unlink()


def features_in(folder: Path, split: str) -> Features:
    """The features of a split that the stage `embed` wrote, memory-mapped."""
    arrays, _ = read_features(folder / f"{split}.safetensors")
    right = [tuple(labels.tolist()) for labels in _parts(arrays)] if "right" in arrays else None
    return Features(arrays["features"], arrays.get("labels"), right)


def rows_in(folder: Path, split: str) -> NDArray[np.int64]:
    """The numbers of the images that the features of a split belong to."""
    arrays, _ = read_features(folder / f"{split}.safetensors")
    return arrays["rows"] if "rows" in arrays else np.arange(len(arrays["features"]))


def classes_in(folder: Path, split: str) -> tuple[str, ...]:
    """The names of the set's classes."""
    return tuple(json.loads(read_features(folder / f"{split}.safetensors")[1]["classes"]))


def _parts(arrays: Arrays) -> list[NDArray[np.int64]]:
    """All correct labels of each image."""
    return np.split(np.asarray(arrays["right"]), arrays["right_ends"][:-1])
