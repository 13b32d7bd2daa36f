"""Memory and compute of a stage, found without allocating it.

Models are built and run on torch's `meta` device, whose tensors have shapes but no memory.
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

from pali3kit.config.memory import FP32
from pali3kit.config.stages import Training
from pali3kit.plan.plain import StageConfig
from pali3kit.training.context import ComponentSpecs, MemoryProfile

C = TypeVar("C", bound=StageConfig)
BACKWARD = 3  # a training step takes three times the FLOPs of its forward pass


class DryRunFinished(Exception):
    """Ends a dry run where a calibration would start to measure, with a profile if there is one."""

    def __init__(self, profile: MemoryProfile | None = None) -> None:
        super().__init__(profile)
        self.profile = profile


def in_dry_run() -> bool:
    """Whether this is a dry run: models are built on the meta device."""
    return torch.get_default_device().type == "meta"


def dry_run(calibrate: Callable[[C, ComponentSpecs], object], config: C, sizes: ComponentSpecs) -> MemoryProfile | None:
    """The memory profile of what `calibrate` would build and run; None if it measures nothing.

    Errors of models that cannot be built or run on the meta device, as some adapters', are not caught.
    """
    parameters = 0
    config, batch = with_batch_size(config, 1), batch_size_of(config)

    def count(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal parameters
        parameters += parameter.numel() if parameter is not None else 0

    hook = register_module_parameter_registration_hook(count)
    try:
        with torch.device("meta"), _WithoutDrawing():
            calibrate(config, sizes)
    except DryRunFinished as found:
        weight = found.profile or MemoryProfile(0, 0)
        counted = {} if weight.parameters else {"parameters": parameters, "state": FP32 * parameters}
        return replace(weight, effort=batch * weight.effort, **counted)
    finally:
        hook.remove()
    return None


class _WithoutDrawing(TorchFunctionMode):
    """Leaves weights on the meta device undrawn: to draw values that they do not have took a fifth of a plan."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.__name__ in ("normal_", "uniform_") or getattr(func, "__module__", "") == torch.nn.init.__name__:
            drawn = args[0] if args else kwargs["tensor"]
            if drawn.is_meta:
                return drawn
        return func(*args, **(kwargs or {}))


def batch_size_of(config: StageConfig) -> int:
    """Examples per training step; 1 if the stage does not train."""
    training: Training | None = getattr(config, "training", None)
    return 1 if training is None else training.batch_size


def with_batch_size(config: C, rows: int) -> C:
    """The configuration with that many examples per training step, if it trains."""
    training: Training | None = getattr(config, "training", None)
    if training is None:
        return config
    return replace(config, training=replace(training, batch_size=rows))  # type: ignore[type-var]


def profile_on_meta(
    model: nn.Module, optimizer: torch.optim.Optimizer, loss: Callable[[], Tensor], tokens: int
) -> MemoryProfile:
    """Profile a training step on the meta device, whose `loss` is of one example of `tokens` tokens."""
    layers = _layers(model)
    saved, flops = _run(model, loss, layers)
    activations = saved.total()
    recomputed = saved.recomputed() if layers else activations
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return MemoryProfile(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        state=_bytes([*model.parameters(), *trainable]) + _moments(optimizer),
        activations=activations,
        recomputed=recomputed + (activations - recomputed) // max(1, len(layers)),  # plus those of the current layer
        flops=flops,
        tokens=tokens,
        effort=BACKWARD * flops,
    )


def profile_forward_on_meta(model: nn.Module, run: Callable[[], object], tokens: int, batch: int) -> MemoryProfile:
    """Profile an inference step on the meta device: `run` is of one example of `tokens` tokens, of a `batch`."""
    parameters = sum(parameter.numel() for parameter in model.parameters())
    flops = _run(model, run)[1]
    return MemoryProfile(parameters, FP32 * parameters, flops=flops, tokens=tokens, effort=batch * flops)


def _moments(optimizer: torch.optim.Optimizer) -> int:
    """Bytes of an optimizer's state after a step. A step with one parameter of each shape in each group is enough,
    since the state depends on the shape only.
    """
    by_shape: dict[tuple[int, torch.Size], list[nn.Parameter]] = {}
    for number, group in enumerate(optimizer.param_groups):
        for parameter in group["params"]:
            by_shape.setdefault((number, parameter.shape), []).append(parameter)
    before, total = 0, 0
    for parameters in by_shape.values():
        parameters[0].grad = torch.empty_like(parameters[0])
        optimizer.step()
        parameters[0].grad = None
        after = _bytes(_tensors(optimizer.state_dict()))
        total += len(parameters) * (after - before)
        before = after
    return total


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _run(model: nn.Module, loss: Callable[[], object], layers: Sequence[nn.Module] = ()) -> tuple[_SavedTensors, int]:
    """The tensors that autograd saves for the backward pass, and the FLOPs of the forward pass."""
    saved = _SavedTensors(model.parameters(), layers)
    with FlopCounter() as counter, _MetaOperations() as attention, saved:
        loss()
    return saved, counter.flops + attention.flops


class FlopCounter(TorchDispatchMode):
    """Counts FLOPs of matrix products like `torch.utils.flop_counter`, which also decomposes all other operations."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.flops = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if torch.is_inference_mode_enabled() and func.overloadpacket not in flop_registry:  # e.g. linear
            with self:
                output = func.decompose(*args, **(kwargs or {}))
            if output is not NotImplemented:
                return output
        output = func(*args, **(kwargs or {}))
        if count := flop_registry.get(func.overloadpacket):
            self.flops += count(*args, **(kwargs or {}), out_val=output)
        return output


def _layers(model: nn.Module) -> list[nn.Module]:
    """The layers of all modules that support gradient checkpointing."""
    stacks = (module.children() for module in model.modules() if hasattr(module, "gradient_checkpointing"))
    layers = [layer for stack in stacks for child in stack if isinstance(child, nn.ModuleList) for layer in child]
    # In models of transformers parts of a layer have the attribute too.
    inner = {id(part) for layer in layers for part in layer.modules() if part is not layer}
    return [layer for layer in layers if id(layer) not in inner]


class _SavedTensors(saved_tensors_hooks):
    """Counts the bytes that autograd saves for the backward pass, each storage once and without parameters; and those
    that remain with gradient checkpointing, which saves the inputs of `layers` only.
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


class _MetaOperations(TorchFunctionMode):
    """Replaces operations that the meta device cannot run like a real device. Attention saves no matrix of scores.
    Results that depend on values are fixed: a boolean mask selects all rows, `nonzero` finds nothing, `bool` is False.
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
    """Saves for the backward pass what a fused kernel saves."""

    @staticmethod
    def forward(ctx: FunctionCtx, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        output = query.new_empty(*query.shape[:-1], value.shape[-1])
        ctx.save_for_backward(query, key, value, output, query.new_empty(query.shape[:-1], dtype=torch.float32))
        return output

    @staticmethod
    def backward(ctx: FunctionCtx, *gradients: Tensor) -> Tensor:
        raise NotImplementedError("a dry run has no backward pass")


def _tensors(nested: object) -> Iterable[Tensor]:
    """All tensors in nested mappings and lists."""
    if isinstance(nested, Tensor):
        yield nested
    elif isinstance(nested, dict | list):
        for item in nested.values() if isinstance(nested, dict) else nested:
            yield from _tensors(item)


def available_memory() -> int:
    """Bytes of available memory, or of all memory; `sys.maxsize` if the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        pass  # no Linux
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return sys.maxsize
