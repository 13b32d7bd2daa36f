"""FSDP2: every rank holds a shard of each matrix, of its gradient and of its optimizer state.

Units, whose matrices are gathered together, are the blocks of transformers, token embeddings and output layers (as in
torchtitan's `fsdp.py`); the root has the rest. Between nodes the shards are replicated (HSDP) where a node has several
devices.

Mixed precision is autocast's, as in one process: units gather the matrices in bf16, so that autocast casts none and
keeps no copies of them for the backward pass; the residual stream, the root and all vectors (norms, biases) stay in
fp32. Gradients are reduced in fp32.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.utils import get_total_norm

LAYERS = ("embedding", "logits", "head")
"""Names of large layers outside of blocks: token embeddings and output layers."""


def shard(model: nn.Module, mesh: DeviceMesh, dtype: torch.dtype | None = None) -> None:
    """Shard the matrices of `model` in place.

    Vectors and scalars are replicated, since autocast computes norms in fp32: their gradients need `average_and_clip`.

    Args:
        model: its own method (`forward`, or one registered by `register_fsdp_forward_method`) must call all others.
        mesh: nodes x devices of a node.
        dtype: in which the units' matrices are gathered; None: as they are.
    """
    replicated = {parameter for parameter in model.parameters() if parameter.ndim < 2}
    apply = partial(fully_shard, mesh=_sharding(mesh), ignored_params=replicated)
    layers = list(_layers(model))
    for block in _blocks(model, {module for group in layers for module in group}):
        apply(block, mp_policy=_policy([block], dtype))
    for group in layers:  # prompts and targets read the embedding, and the backward pass begins with the logits
        apply(group, mp_policy=_policy(group, dtype, torch.float32), reshard_after_forward=False)
    apply(model, mp_policy=MixedPrecisionPolicy(cast_forward_inputs=False))


@torch.no_grad()
def average_and_clip(parameters: Iterable[Tensor], max_norm: float | None) -> None:
    """Average the gradients of what is replicated over all ranks, then clip the norm of all gradients.

    Call it before each optimizer step, once for all microbatches.
    """
    grads = [parameter.grad for parameter in parameters if parameter.grad is not None]
    sharded = [grad for grad in grads if isinstance(grad, DTensor)]
    replicated = [grad for grad in grads if not isinstance(grad, DTensor)]
    if replicated:
        _average(replicated)
    if max_norm:
        _clip(sharded, replicated, max_norm)


def _average(grads: Sequence[Tensor]) -> None:
    """Replace `grads` by their means over all ranks, in one collective."""
    means = torch.cat([grad.flatten() for grad in grads])
    dist.all_reduce(means)
    means /= dist.get_world_size()
    for grad, mean in zip(grads, means.split([grad.numel() for grad in grads]), strict=True):
        grad.copy_(mean.view_as(grad))


def _clip(sharded: Sequence[DTensor], replicated: Sequence[Tensor], max_norm: float) -> None:
    """`torch.nn.utils.clip_grad_norm_`, which takes no mixture of sharded and whole gradients."""
    norms = [get_total_norm(replicated)] if replicated else []
    if sharded:
        norm = get_total_norm(sharded)
        norms.append(norm.full_tensor() if isinstance(norm, DTensor) else norm)
    scale = (max_norm / (torch.stack(norms).norm() + 1e-6)).clamp(max=1)
    for grad in (*replicated, *(shards.to_local() for shards in sharded)):
        grad.mul_(scale)


def _sharding(mesh: DeviceMesh) -> DeviceMesh:
    """The mesh of nodes x devices for HSDP, or its only axis with several ranks."""
    nodes, devices = mesh.shape
    names = mesh.mesh_dim_names or ()
    return mesh if min(nodes, devices) > 1 else mesh[names[int(devices >= nodes)]]


def _policy(
    unit: Sequence[nn.Module], dtype: torch.dtype | None, output: torch.dtype | None = None
) -> MixedPrecisionPolicy:
    """Gather in `dtype` and reduce in fp32. Inputs are left to autocast, which keeps the residual stream in fp32.

    Frozen units reduce nothing; with a type for it torch 2.14 fails on those that are not used, as the head in PaLI.
    """
    learns = any(parameter.requires_grad for module in unit for parameter in module.parameters())
    return MixedPrecisionPolicy(dtype, torch.float32 if learns else None, output, cast_forward_inputs=False)


def _layers(model: nn.Module) -> Iterator[list[nn.Module]]:
    """The layers outside of blocks by name, those with a common matrix (tied embeddings) together."""
    owners: Mapping[nn.Parameter, list[nn.Module]] = defaultdict(list)
    for module in model.modules():
        for parameter in module.parameters(recurse=False):
            owners[parameter].append(module)
    seen = set[nn.Module]()
    for layer in _named_layers(model):
        if layer not in seen and _has_matrices(layer):
            own = set(layer.modules())
            group = [layer, *(m for p in layer.parameters() for m in owners[p] if m not in own)]
            seen.update(group)
            yield group


def _named_layers(module: nn.Module) -> Iterator[nn.Module]:
    layers = [layer for name in LAYERS if isinstance(layer := getattr(module, name, None), nn.Module)]
    yield from layers
    for child in module.children():
        if not _is_list(module) and child not in layers:
            yield from _named_layers(child)


def _blocks(module: nn.Module, layers: set[nn.Module]) -> Iterator[nn.Module]:
    """The members of the outermost lists of modules, without `layers`."""
    for child in module.children():
        if child not in layers:
            if not _is_list(module):
                yield from _blocks(child, layers)
            elif _has_matrices(child):
                yield child


def _is_list(module: nn.Module) -> bool:
    return isinstance(module, nn.ModuleList | nn.Sequential)


def _has_matrices(module: nn.Module) -> bool:
    return any(parameter.ndim >= 2 for parameter in module.parameters())
