"""Tensors by name from a file or a folder, whatever program wrote it, without running anything that it contains."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from pali3kit.errors import WeightsError, first_line
from pali3kit.weights.find import ENDINGS, INDEX_ENDING, shards
from pali3kit.weights.unwrap import state_dict, without_wrappers

POINTER = b"version https://git-lfs"
MOST_EXPANSION, SMALL = 50, 1 << 26  # weights hardly compress: what unpacks to more than both is no file of weights

Reader = Callable[[Path], Mapping[str, Tensor]]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, on the CPU: safetensors, npz, or a torch file, whole or by an index of its shards.

    What wrappers of models put before names (`module.`, `_orig_mod.`) is taken off.

    Raises:
        WeightsError: the file cannot be read, is cut off, would need unpickling of more than tensors, or holds
            several models of which none says that it is meant.
    """
    tensors = without_wrappers(_read_shards(path) if path.name.endswith(INDEX_ENDING) else _read(path), path)
    if not tensors:
        raise WeightsError(f"{path} holds no tensors")
    for name, tensor in tensors.items():
        _demand_plain(name, tensor, path)
    return tensors


def _read(path: Path) -> Mapping[str, Tensor]:
    read = _reader(path)
    try:
        with path.open("rb") as file:
            pointer = file.read(len(POINTER)) == POINTER
        if pointer:
            raise WeightsError(f"{path} is a pointer of Git LFS, not the weights: fetch them with 'git lfs pull'")
        return read(path)
    except WeightsError:
        raise
    except Exception as error:  # a damaged file is told by whatever its reader stumbles over
        raise WeightsError(f"{path} is not a readable file of weights: {first_line(error)}") from error


def _reader(path: Path) -> Reader:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise WeightsError(f"{path} has an unknown ending; weights are read from {', '.join(ENDINGS)}")
    readers: dict[str, Reader] = {".safetensors": load_file, ".npz": _read_npz}
    return readers.get(ending, _read_torch)


def _read_shards(index: Path) -> dict[str, Tensor]:
    """Of a tensor that several shards hold, the one that the index means."""
    tensors: dict[str, Tensor] = {}
    named = {tensor: shard for shard, names in shards(index).items() for tensor in names}
    for shard in shards(index):
        tensors |= {name: tensor for name, tensor in _read(shard).items() if named.get(name, shard) == shard}
    if lacking := sorted(named.keys() - tensors.keys()):
        raise WeightsError(f"{named[lacking[0]]} lacks {lacking[0]}, which {index.name} says is there")
    return tensors


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Arrays of big_vision's `.npz`; bfloat16, which NumPy does not know, arrives as two raw bytes."""
    _demand_no_bomb(path)
    tensors = {}
    with np.load(path, allow_pickle=False) as arrays:
        for name in arrays.files:
            array = arrays[name]
            raw = array.dtype.kind == "V" and array.dtype.itemsize == 2
            array = np.asarray(array.view(np.int16) if raw else array)
            tensor = torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
            tensors[name] = tensor.view(torch.bfloat16) if raw else tensor
    return tensors


def _read_torch(path: Path) -> Mapping[str, Tensor]:
    if zipfile.is_zipfile(path):
        _demand_no_bomb(path)
    return state_dict(path)


def _demand_no_bomb(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(SMALL, MOST_EXPANSION * path.stat().st_size):
        raise WeightsError(f"{path} would unpack to {unpacked / 1e9:.1f} GB, of {path.stat().st_size / 1e6:.1f} MB")


def _demand_plain(name: str, tensor: Tensor, path: Path) -> None:
    """Raise WeightsError for tensors that are not as many numbers in memory as they say."""
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise WeightsError(f"{path}: {name} is no plain tensor, of which each number is in the file")
