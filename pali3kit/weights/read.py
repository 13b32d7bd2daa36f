"""Tensors by name from a file or a folder, whatever program wrote it, without running anything that it contains."""

from __future__ import annotations

import pickle
import tokenize
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from pali3kit.errors import WeightsError
from pali3kit.weights.find import INDEX, shards

UNREADABLE = (
    OSError, EOFError, ValueError, RuntimeError, SafetensorError, pickle.UnpicklingError, zipfile.BadZipFile,
    zlib.error, tokenize.TokenError, SyntaxError, TypeError, IndexError, MemoryError,
)  # fmt: skip
"""What readers raise on files that are none of theirs, or damaged; the second line is NumPy's."""

Reader = Callable[[Path], dict[str, Tensor]]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, on the CPU: safetensors (also an index of shards), npz, or a torch file of plain tensors.

    Raises:
        WeightsError: the file cannot be read, is cut off, or would need unpickling of more than tensors.
    """
    read = _reader(path)
    try:
        tensors = read(path)
    except UNREADABLE as error:
        why = next(iter(str(error).splitlines()), type(error).__name__)
        raise WeightsError(f"{path} is not a readable file of weights: {why}") from error
    if not tensors:
        raise WeightsError(f"{path} holds no tensors")
    return tensors


def _reader(path: Path) -> Reader:
    if path.name == INDEX:
        return _read_shards
    readers: dict[str, Reader] = {".safetensors": _read_safetensors, ".npz": _read_npz}
    readers |= dict.fromkeys((".bin", ".pt", ".pth"), _read_torch)
    if path.suffix not in readers:
        raise WeightsError(f"{path} has an unknown ending; weights are read from {', '.join(readers)}")
    return readers[path.suffix]


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    return load_file(path)


def _read_shards(index: Path) -> dict[str, Tensor]:
    return {name: tensor for shard in shards(index) for name, tensor in load_file(shard).items()}


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Arrays of big_vision's `.npz`; bfloat16, which NumPy does not know, arrives as two raw bytes."""
    tensors = {}
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            array = arrays[name]
            raw = array.dtype.kind == "V" and array.dtype.itemsize == 2
            tensor = torch.from_numpy(array.view(np.int16) if raw else np.asarray(array))
            tensors[name] = tensor.view(torch.bfloat16) if raw else tensor
    return tensors


def _read_torch(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        unsafe = "holds more than tensors, which could run code: save its state_dict alone"
        raise WeightsError(f"{path} {unsafe}") from error
    content = content.get("state_dict", content) if isinstance(content, dict) else {}
    return {str(name).removeprefix("module."): x for name, x in content.items() if isinstance(x, Tensor)}
