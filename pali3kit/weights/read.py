"""Read named tensors from checkpoints of many programs, without running any code that a file may contain."""

from __future__ import annotations

import argparse
import pickle
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from pali3kit.errors import WeightsError, first_line
from pali3kit.storage.weight_files import ENDINGS, INDEX_ENDING, shards

MODEL_KEYS = (
    "state_dict", "model", "model_state_dict", "model_state", "module", "net", "network", "params", "weights",
    "state_dict_ema", "model_ema", "ema", "ema_state_dict", "ema_model", "params_ema", "teacher", "student", "target",
)  # fmt: skip
"""Keys under which training programs store the model's weights in a checkpoint."""
WRAPPER_ATTRIBUTES = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module", "_forward_module")
"""Attributes in which torch.compile, FSDP, activation checkpointing and Lightning hold the module they wrap."""
AVERAGE_COUNTER = "n_averaged"
"""A tensor that torch's AveragedModel stores beside its `module`, and that is no weight."""
LFS_POINTER = b"version https://git-lfs"
MAX_UNPACKED_RATIO, ALWAYS_ALLOWED_BYTES = 50, 1 << 26
"""Archives that unpack to more than 50 times their size are refused, unless they are small: weights hardly compress."""

Reader = Callable[[Path], Mapping[str, Tensor]]


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors of a file, on the CPU: safetensors, npz, a torch file, or an index of shards.

    Prefixes of wrapping modules (`module.`, `_orig_mod.`) are removed from the names.

    Raises:
        WeightsError: the file cannot be read, is truncated, would need unpickling of more than tensors, or holds
            several models, so that it is unclear which to take.
    """
    tensors = _without_wrappers(_read_shards(path) if path.name.endswith(INDEX_ENDING) else _read(path), path)
    if not tensors:
        raise WeightsError(f"{path} holds no tensors")
    for name, tensor in tensors.items():
        _require_dense(name, tensor, path)
    return tensors


def _read(path: Path) -> Mapping[str, Tensor]:
    read = _reader(path)
    try:
        with path.open("rb") as file:
            pointer = file.read(len(LFS_POINTER)) == LFS_POINTER
        if pointer:
            raise WeightsError(f"{path} is a Git LFS pointer, not the weights: fetch them with 'git lfs pull'")
        return read(path)
    except WeightsError:
        raise
    except Exception as error:  # a damaged file may raise anything
        raise WeightsError(f"{path} is not a readable file of weights: {first_line(error)}") from error


def _reader(path: Path) -> Reader:
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise WeightsError(f"{path} has an unknown ending; weights are read from {', '.join(ENDINGS)}")
    readers: dict[str, Reader] = {".safetensors": load_file, ".npz": _read_npz}
    return readers.get(ending, _read_torch)


def _read_shards(index: Path) -> dict[str, Tensor]:
    """All tensors of the shards of an index. A tensor in several shards is read from the one that the index names."""
    tensors: dict[str, Tensor] = {}
    named = {tensor: shard for shard, names in shards(index).items() for tensor in names}
    for shard in shards(index):
        tensors |= {name: tensor for name, tensor in _read(shard).items() if named.get(name, shard) == shard}
    if missing := sorted(named.keys() - tensors.keys()):
        raise WeightsError(f"{named[missing[0]]} lacks {missing[0]}, which {index.name} lists for it")
    return tensors


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Tensors of an `.npz`, as big_vision writes it: bfloat16, which NumPy lacks, as raw elements of two bytes."""
    _require_no_zip_bomb(path)
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
        _require_no_zip_bomb(path)
    return _state_dict(path)


def _require_no_zip_bomb(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(member.file_size for member in archive.infolist())
    if unpacked > max(ALWAYS_ALLOWED_BYTES, MAX_UNPACKED_RATIO * path.stat().st_size):
        raise WeightsError(f"{path} would unpack to {unpacked / 1e9:.1f} GB, from {path.stat().st_size / 1e6:.1f} MB")


def _require_dense(name: str, tensor: Tensor, path: Path) -> None:
    """Raise WeightsError for sparse, quantised or remote tensors, and for shapes larger than their storage."""
    plain = tensor.layout == torch.strided and tensor.device.type == "cpu" and not tensor.is_quantized
    if not plain or tensor.numel() * tensor.element_size() > tensor.untyped_storage().nbytes():
        raise WeightsError(f"{path}: {name} is not a dense tensor with all its values in the file")


def _state_dict(path: Path) -> Mapping[str, Tensor]:
    """The tensors of the model in a torch file.

    Raises WeightsError where it holds several models, or where reading it would run code. A Namespace is allowed:
    training programs often store their command line in one, and it is as harmless as a dictionary.
    """
    try:
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if not _looks_like_torch(path):
            raise WeightsError(f"{path} is not a readable file of weights: it was not written by torch.save") from error
        found = re.search(r"GLOBAL (\S+)", str(error))
        what = f" ({found[1]})" if found else ""
        raise WeightsError(
            f"{path} holds more than tensors, which could run code{what}: save its state_dict alone"
        ) from error
    return _find_model(content, path, (), {})


def _looks_like_torch(path: Path) -> bool:
    """Whether the file begins like a zip archive or a pickle, and not like, say, an HTML page."""
    with path.open("rb") as file:
        return file.read(1) in (b"P", b"\x80")


def _find_model(
    content: object, path: Path, where: tuple[str, ...], found: dict[int, dict[str, Tensor]]
) -> dict[str, Tensor]:
    """The model in a nested dictionary, {} if there is none.

    `found` caches results by `id`: a pickled dictionary may contain itself, or another one a million times.
    """
    if not isinstance(content, Mapping):
        return {}
    if id(content) not in found:
        found[id(content)] = {}
        found[id(content)] = _choose_model(content, path, where, found)
    return found[id(content)]


def _choose_model(
    content: Mapping[object, object], path: Path, where: tuple[str, ...], found: dict[int, dict[str, Tensor]]
) -> dict[str, Tensor]:
    """Choose the model among the values of `content`.

    In this order: an entry in `MODEL_KEYS`, the tensors of `content` itself, an entry with tensors, an entry with a
    model further down. Raises WeightsError where several are equally good.
    """
    # Optimizer states have integer keys: ignore them.
    inside = {key: part for key, part in content.items() if isinstance(key, str) and isinstance(part, Mapping)}
    known = [name for name in MODEL_KEYS if _find_model(inside.get(name), path, (*where, name), found)]
    own = _tensors(content)
    if own and not known:
        return own
    chosen = known or [name for name, part in inside.items() if _tensors(part)]
    chosen = chosen or [name for name, part in inside.items() if _find_model(part, path, (*where, name), found)]
    if len(chosen) > 1:
        names = ", ".join(repr(name) for name in sorted(chosen)[:8])
        keys = "".join(f"[{name!r}]" for name in (*where, chosen[0]))
        raise WeightsError(
            f"{path} holds several models, {names}: save only the one you need, by "
            f"torch.save(torch.load({path.name!r}){keys}, 'weights.pth')"
        )
    return _find_model(inside[chosen[0]], path, (*where, chosen[0]), found) if chosen else {}


def _tensors(content: Mapping[object, object]) -> dict[str, Tensor]:
    return {str(name): part for name, part in content.items() if isinstance(part, Tensor)}


def _without_wrappers(tensors: Mapping[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Remove the attributes of wrappers from the names. Raises WeightsError where two names become equal."""
    plain: dict[str, Tensor] = {}
    has_module_prefix = any(name.startswith("module.") for name in tensors)
    for name, tensor in tensors.items():
        if has_module_prefix and name == AVERAGE_COUNTER:
            continue
        short = _without_wrapper_parts(name.split("."))
        if short in plain:
            raise WeightsError(f"{path} holds {short} twice, with and without the prefix of a wrapper")
        plain[short] = tensor
    return plain


def _without_wrapper_parts(parts: Iterable[str]) -> str:
    kept = [part for part in parts if part not in WRAPPER_ATTRIBUTES]
    return ".".join(kept[1:] if len(kept) > 1 and kept[0] == "module" else kept)
