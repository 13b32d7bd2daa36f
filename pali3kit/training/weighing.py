"""What a stage weighs, found without allocating it: a plan must not fill the machine it plans for.

Everything is built and run on torch's `meta` device, whose tensors have shapes and no memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import FunctionCtx
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.functional import scaled_dot_product_attention
from torch.nn.modules.module import register_module_parameter_registration_hook
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from pali3kit.config.stages import Training
from pali3kit.plan.plain import StageConfig
from pali3kit.training.context import Sizes, Weight

C = TypeVar("C", bound=StageConfig)
FP32 = 4  # bytes
BACKWARD = 3  # a training step takes three times the FLOPs of its forward pass


class Weighed(Exception):
    """Ends a rehearsal where measuring would begin, with what was found so far, if anything was."""

    def __init__(self, weight: Weight | None = None) -> None:
        super().__init__(weight)
        self.weight = weight


def rehearsing() -> bool:
    """Whether parts are built without memory now."""
    return torch.get_default_device().type == "meta"


def rehearse(calibrate: Callable[[C, Sizes], object], config: C, sizes: Sizes) -> Weight | None:
    """The weight of what `calibrate` would build and run; None where a part cannot be built without memory, as adapters
    of other libraries may not.
    """
    parameters, batch = 0, 1
    training: Training | None = getattr(config, "training", None)
    if training is not None:
        batch = training.batch_size
        config = replace(config, training=replace(training, batch_size=1))  # type: ignore[type-var]

    def note(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal parameters
        parameters += parameter.numel() if parameter is not None else 0

    hook = register_module_parameter_registration_hook(note)
    try:
        with torch.device("meta"):
            calibrate(config, sizes)
    except Weighed as found:
        weight = found.weight or Weight(parameters, FP32 * parameters)
        return replace(weight, effort=batch * weight.effort)
    except Exception:
        return None
    finally:
        hook.remove()
    return None


def weigh(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor], tokens: int) -> Weight:
    """The weight of a training step on the meta device, whose `loss` is of one example of so many `tokens`."""
    kept, flops = _kept(model, loss)
    layers = _recompute(model, True)
    recomputed = _kept(model, loss)[0] if layers else kept
    _recompute(model, False)
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    for parameter in learning:
        parameter.grad = torch.empty_like(parameter)
    optimizer.step()
    held = [*model.parameters(), *learning, *_tensors(optimizer.state_dict())]
    return Weight(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        state=sum(tensor.numel() * tensor.element_size() for tensor in held),
        activations=kept,
        recomputed=recomputed + (kept - recomputed) // max(1, layers),  # one layer at a time is whole
        flops=flops,
        tokens=tokens,
        effort=BACKWARD * flops,
    )


def weigh_forward(model: nn.Module, run: Callable[[], object], tokens: int, batch: int) -> Weight:
    """The weight of `run` on the meta device, with one example of so many `tokens`, of which a `batch` is run."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    flops = _kept(model, run)[1]
    return Weight(parameters, FP32 * parameters, flops=flops, tokens=tokens, effort=batch * flops)


def _kept(model: nn.Module, loss: Callable[[], object]) -> tuple[int, int]:
    """Bytes kept for the backward pass, and the FLOPs of the forward pass."""
    kept = Kept(model.parameters())
    with FlopCounterMode(display=False) as counter, Fused() as fused, kept:
        loss()
    return kept.total(), counter.get_total_flops() + fused.flops


def _recompute(model: nn.Module, wanted: bool) -> int:
    """Switch all parts that can compute activations again; how many layers they have."""
    layers = 0
    for part in model.modules():
        if hasattr(part, "checkpointing"):
            setattr(part, "checkpointing", wanted)  # noqa: B010, modules' own attributes are typed as tensors
            layers += sum(len(child) for child in part.children() if isinstance(child, nn.ModuleList))
    return layers


class Kept(saved_tensors_hooks):
    """Counts the bytes that autograd keeps for the backward pass, each storage once, parameters not at all."""

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.sizes: dict[int, int] = {}
        owned = {_storage(parameter) for parameter in parameters}

        def pack(tensor: Tensor) -> Tensor:
            if _storage(tensor) not in owned:
                self.sizes[_storage(tensor)] = tensor.untyped_storage().nbytes()
            return tensor

        super().__init__(pack, lambda tensor: tensor)

    def total(self) -> int:
        return sum(self.sizes.values())


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class Fused(TorchFunctionMode):
    """What the meta device cannot do as devices do: attention without a matrix of scores. What depends on numbers has
    no answer there: of rows chosen by a mask all are taken, and nothing is found that would be wrong.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is scaled_dot_product_attention:
            query, key, value = args[:3]
            self.flops += 2 * prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])
            return _Attention.apply(query, key, value)
        if func.__name__ == "nonzero" and args[0].is_meta:
            return args[0].new_empty((0, args[0].ndim), dtype=torch.int64)
        if func.__name__ == "__getitem__" and isinstance(args[1], Tensor) and args[1].dtype == torch.bool:
            return args[0].flatten(0, args[1].ndim - 1)
        return func(*args, **(kwargs or {}))


class _Attention(torch.autograd.Function):
    """Keeps what a fused kernel keeps."""

    @staticmethod
    def forward(ctx: FunctionCtx, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = query.new_empty(*query.shape[:-1], value.shape[-1])
        ctx.save_for_backward(query, key, value, output, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return output

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        raise NotImplementedError("a rehearsal has no backward pass")


def _tensors(nested: object) -> Iterable[Tensor]:
    """All tensors of nested mappings and lists."""
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, dict | list):
        for item in nested.values() if isinstance(nested, dict) else nested:
            yield from _tensors(item)


def available() -> int:
    """Bytes of memory that are free, or could be; without bound where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pass  # no Linux
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return sys.maxsize
