"""Save and load the weights of our own artifacts: safetensors whose names and shapes must match exactly.

Models are in fp32, and so are the files, except those of artifacts that come with the package (`save_half`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import torch
from huggingface_hub import split_torch_state_dict_into_shards
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from pali3kit.errors import WeightsError


def save_weights(module: nn.Module, path: Path, writes: bool = True) -> None:
    """Write every parameter and buffer of `module` to `path`.

    Shards (FSDP2) are gathered one tensor after the other, so all ranks must call this; `writes` is False on all but
    one, and only that one keeps them. Tied parameters, such as an embedding and its logits, are written once, under
    their first name; the file's metadata maps the others to it, as `safetensors.torch.save_model` does.
    """
    ties = _ties(module)
    tensors: dict[str, Tensor] = {}
    for name, tensor in module.state_dict().items():
        if name in ties:
            continue
        whole = _whole(tensor.detach())
        if writes:
            tensors[name] = whole.cpu().contiguous()
        del whole
    if writes:
        save_file(_apart(tensors), path, ties or None)


def save_sharded(module: nn.Module, folder: Path, part: str, max_shard_size: int | str) -> Mapping[str, str]:
    """Write every parameter and buffer of `module` to `folder`, in shards of at most that size ("5GB", or bytes).

    Their names begin with `part`, and so do those of the files: `vision.safetensors`, or `vision-00001-of-00002...`.
    Returns the file of each tensor, as the index of a model's shards has it. Tied parameters are written once.
    """
    ties = {f"{part}.{name}": f"{part}.{owner}" for name, owner in _ties(module).items()}
    state = {f"{part}.{name}": tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    tensors = _apart({name: tensor for name, tensor in state.items() if name not in ties})
    pattern = part + "{suffix}.safetensors"
    split = split_torch_state_dict_into_shards(tensors, filename_pattern=pattern, max_shard_size=max_shard_size)
    for file, names in split.filename_to_tensors.items():
        here = {name: owner for name, owner in ties.items() if owner in names}
        save_file({name: tensors[name] for name in names}, folder / file, {"format": "pt", **here})
    return split.tensor_to_filename


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same tensors, copied where two share memory, which safetensors refuses."""
    owners: dict[int, str] = {}
    return {
        name: tensor if owners.setdefault(tensor.untyped_storage().data_ptr(), name) == name else tensor.clone()
        for name, tensor in tensors.items()
    }


def save_half(source: Path, path: Path) -> None:
    """Write the tensors of the file `source` to `path`, those in fp32 rounded to fp16.

    Raises WeightsError, naming the tensors, where a number is too large for fp16.
    """
    with safe_open(source, "pt") as file:
        metadata = file.metadata()
    whole = load_file(source)
    halves = {name: tensor.half() if tensor.dtype == torch.float32 else tensor for name, tensor in whole.items()}
    if too_large := [name for name in whole if not torch.equal(whole[name].isfinite(), halves[name].isfinite())]:
        raise WeightsError(f"{source} does not fit into float16: {', '.join(too_large)} have numbers above 65504")
    save_file(halves, path, metadata)


def _ties(module: nn.Module) -> dict[str, str]:
    """The names of parameters that have an earlier name, by which they are stored."""
    first: dict[int, str] = {}
    named = module.state_dict(keep_vars=True)
    owners = {name: first.setdefault(id(parameter), name) for name, parameter in named.items()}
    return {name: owner for name, owner in owners.items() if owner != name}


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, which is memory-mapped: they take none of the process's own memory, and all ranks of a
    machine share them in the page cache (200 MB read and summed: 0 MB of anonymous memory).

    Those in fp16 become fp32 here, before positions are resampled or ties compared.
    """
    try:
        with safe_open(path, "pt") as file:
            ties = file.metadata() or {}
        stored = load_file(path)
        tensors = {name: one.float() if one.dtype == torch.float16 else one for name, one in stored.items()}
        return tensors | {name: tensors[owner] for name, owner in ties.items() if owner in tensors}
    except Exception as error:  # a damaged file may raise anything
        raise WeightsError(f"{path} is not a readable safetensors file: {error}") from error


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def load_weights(
    module: nn.Module, path: Path, convert: Callable[[dict[str, Tensor]], dict[str, Tensor]] = lambda tensors: tensors
) -> None:
    """Load the tensors of `path`, converted by `convert`, into `module`.

    Raises WeightsError, naming the tensors, unless all names and shapes agree, and what the model ties is equal.
    """
    found = _read(path)
    try:
        found = convert(found)
    except (KeyError, ValueError, RuntimeError, IndexError) as error:
        raise WeightsError(f"{path} does not fit the model: {error!r}") from error
    _fill(module, found, path)


def load_sharded(module: nn.Module, files: Iterable[Path], part: str) -> None:
    """Load the tensors of a part from the files that `save_sharded` wrote. Raises as `load_weights`."""
    files = list(files)
    tensors = {name: tensor for file in files for name, tensor in _read(file).items()}
    prefix = f"{part}."
    found = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    _fill(module, found, files[0])


def extract_part(files: Iterable[Path], part: str, path: Path) -> None:
    """Write a part of the files that `save_sharded` wrote to `path`, as `save_weights` would."""
    prefix, tensors, ties = f"{part}.", dict[str, Tensor](), dict[str, str]()
    for file in files:
        with safe_open(file, "pt") as opened:
            ties |= {key: value for key, value in (opened.metadata() or {}).items() if key.startswith(prefix)}
        tensors |= {name: tensor for name, tensor in load_file(file).items() if name.startswith(prefix)}
    metadata = {name.removeprefix(prefix): owner.removeprefix(prefix) for name, owner in ties.items()}
    save_file({name.removeprefix(prefix): tensor for name, tensor in tensors.items()}, path, metadata or None)


def _fill(module: nn.Module, found: Mapping[str, Tensor], path: Path) -> None:
    wanted = module.state_dict()
    problems = [f"missing {name}" for name in wanted.keys() - found.keys()]
    problems += [f"unexpected {name}" for name in found.keys() - wanted.keys()]
    problems += [
        f"{name} has shape {list(found[name].shape)}, the model expects {list(wanted[name].shape)}"
        for name in wanted.keys() & found.keys()
        if wanted[name].shape != found[name].shape
    ]
    problems += [
        f"{name} differs from {owner}, to which the model ties it"
        for name, owner in _ties(module).items()
        if {name, owner} <= found.keys() and not torch.equal(found[name], found[owner])
    ]
    if problems:
        raise WeightsError(f"{path} does not fit the model: " + "; ".join(sorted(problems)))
    module.load_state_dict(dict(found))
