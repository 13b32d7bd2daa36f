"""Save and load a module's weights as safetensors, exactly or not at all."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from pali3kit.errors import WeightsError


def save_weights(module: nn.Module, path: Path) -> None:
    """Write every parameter and buffer of `module`, on the CPU and contiguous."""
    save_file({name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}, path)


def load_weights(module: nn.Module, path: Path) -> None:
    """Read `path` into `module`. Raises WeightsError, naming the tensors, unless names and shapes agree entirely."""
    try:
        found = load_file(path)
    except (OSError, SafetensorError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file: {error}") from error
    wanted = module.state_dict()
    problems = [f"missing {name}" for name in wanted.keys() - found.keys()]
    problems += [f"unexpected {name}" for name in found.keys() - wanted.keys()]
    problems += [
        f"{name} has shape {list(found[name].shape)}, the model wants {list(wanted[name].shape)}"
        for name in wanted.keys() & found.keys()
        if wanted[name].shape != found[name].shape
    ]
    if problems:
        raise WeightsError(f"{path} does not fit the model: " + "; ".join(sorted(problems)))
    module.load_state_dict(found)
