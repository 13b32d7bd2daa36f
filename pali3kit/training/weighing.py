"""What a stage weighs, found without allocating it: a plan must not fill the machine it plans for.

Everything is built and run on torch's `meta` device, whose tensors have shapes and no memory.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
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
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

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
    """The weight of what `calibrate` would build and run; None where it measures nothing.

    Whatever cannot be built or run without memory, as adapters of other libraries may not, raises what it raises.
    """
    parameters = 0
    config, batch = of_batch(config, 1), batch_of(config)

    def note(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal parameters
        parameters += parameter.numel() if parameter is not None else 0

    hook = register_module_parameter_registration_hook(note)
    try:
        with torch.device("meta"):
            calibrate(config, sizes)
    except Weighed as found:
        weight = found.weight or Weight(0, 0)
        held = {} if weight.parameters else {"parameters": parameters, "state": FP32 * parameters}
        return replace(weight, effort=batch * weight.effort, **held)
    finally:
        hook.remove()
    return None


def batch_of(config: StageConfig) -> int:
    """Examples of a step of training; 1 where nothing is trained."""
    training: Training | None = getattr(config, "training", None)
    return 1 if training is None else training.batch_size


def of_batch(config: C, rows: int) -> C:
    """The configuration with steps of so many examples, where it trains."""
    training: Training | None = getattr(config, "training", None)
    if training is None:
        return config
    return replace(config, training=replace(training, batch_size=rows))  # type: ignore[type-var]


def weigh(model: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor], tokens: int) -> Weight:
    """The weight of a training step on the meta device, whose `loss` is of one example of so many `tokens`."""
    layers = _layers(model)
    kept, flops = _run(model, loss, layers)
    activations = kept.total()
    recomputed = kept.recomputed() if layers else activations
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return Weight(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        state=_bytes([*model.parameters(), *learning]) + _moments(optimizer),
        activations=activations,
        recomputed=recomputed + (activations - recomputed) // max(1, len(layers)),  # one layer at a time is whole
        flops=flops,
        tokens=tokens,
        effort=BACKWARD * flops,
    )


def weigh_forward(model: nn.Module, run: Callable[[], object], tokens: int, batch: int) -> Weight:
    """The weight of `run` on the meta device, with one example of so many `tokens`, of which a `batch` is run."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    flops = _run(model, run)[1]
    return Weight(parameters, FP32 * parameters, flops=flops, tokens=tokens, effort=batch * flops)


def _moments(optimizer: torch.optim.Optimizer) -> int:
    """Bytes that an optimizer keeps once it has taken a step. It takes one of the first parameter of each shape in each
    group: the others' are as large.
    """
    alike: dict[tuple[int, torch.Size], list[nn.Parameter]] = {}
    for number, group in enumerate(optimizer.param_groups):
        for parameter in group["params"]:
            alike.setdefault((number, parameter.shape), []).append(parameter)
    before, total = 0, 0
    for some in alike.values():
        some[0].grad = torch.empty_like(some[0])
        optimizer.step()
        some[0].grad = None
        after = _bytes(_tensors(optimizer.state_dict()))
        total += len(some) * (after - before)
        before = after
    return total


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _run(model: nn.Module, loss: Callable[[], object], layers: Sequence[nn.Module] = ()) -> tuple[Kept, int]:
    """What is kept for the backward pass, and the FLOPs of the forward pass."""
    kept = Kept(model.parameters(), layers)
    with Flops() as counter, Fused() as fused, kept:
        loss()
    return kept, counter.flops + fused.flops


class Flops(TorchDispatchMode):
    """Counts as `torch.utils.flop_counter` does, of products alone: that one takes every other operation apart."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.is_inference_mode_enabled() and func.overloadpacket not in flop_registry:  # `linear` comes whole there
            with self:
                output = func.decompose(*args, **(kwargs or {}))
            if output is not NotImplemented:
                return output
        output = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func.overloadpacket):
            self.flops += count(*args, **(kwargs or {}), out_val=output)
        return output


def _layers(model: nn.Module) -> list[nn.Module]:
    """The layers of all parts that can compute activations again."""
    stacks = (part.children() for part in model.modules() if hasattr(part, "checkpointing"))
    return [layer for stack in stacks for child in stack if isinstance(child, nn.ModuleList) for layer in child]


class Kept(saved_tensors_hooks):
    """Counts the bytes that autograd keeps for the backward pass, each storage once, parameters not at all; and those
    that are left where `layers` are computed again from what goes into them.
    """

    def __init__(self, parameters: Iterable[Tensor], layers: Sequence[nn.Module] = ()) -> None:
        self.sizes: dict[int, int] = {}
        self.outside: dict[int, int] = {}
        self.within = 0
        owned = {_storage(parameter) for parameter in parameters}

        def pack(tensor: Tensor) -> Tensor:
            if _storage(tensor) not in owned:
                self._note(tensor, self.sizes, *(() if self.within else (self.outside,)))
            return tensor

        for layer in layers:
            layer.register_forward_pre_hook(self._enter)
            layer.register_forward_hook(self._leave)
        super().__init__(pack, lambda tensor: tensor)

    def _enter(self, layer: nn.Module, inputs: tuple[object, ...]) -> None:
        self.within += 1
        for tensor in inputs:
            if isinstance(tensor, Tensor) and tensor.requires_grad:
                self._note(tensor, self.outside)

    def _leave(self, layer: nn.Module, inputs: tuple[object, ...], output: object) -> None:
        self.within -= 1

    def _note(self, tensor: Tensor, *known: dict[int, int]) -> None:
        for sizes in known:
            sizes[_storage(tensor)] = tensor.untyped_storage().nbytes()

    def total(self) -> int:
        return sum(self.sizes.values())

    def recomputed(self) -> int:
        return sum(self.outside.values())


def _storage(tensor: Tensor) -> int:
    return int(tensor.untyped_storage()._cdata)


class Fused(TorchFunctionMode):
    """What the meta device cannot do as devices do: attention without a matrix of scores. What depends on numbers has
    no answer there: of rows chosen by a mask all are taken, nothing is found that is wrong, and no mask is all true.
    """

    def __init__(self) -> None:
        super().__init__()
        self.flops = 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is scaled_dot_product_attention:
            query, key, value = args[:3]
            self.flops += 2 * prod(query.shape[:-1]) * key.shape[-2] * (query.shape[-1] + value.shape[-1])
            return _Attention.apply(query, key, value)
        if func.__name__ == "__bool__" and args[0].is_meta:
            return False
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
