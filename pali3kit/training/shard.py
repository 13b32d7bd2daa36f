"""FSDP2: every rank holds a shard of each parameter, its gradient and its optimizer state."""

from __future__ import annotations

import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import DeviceMesh
from torch.distributed.fsdp import fully_shard, register_fsdp_forward_method

# Methods of PaLI and of a language model alone that are called instead of its forward.
FORWARD_METHODS = ("encode_images", "states", "embed", "encode", "decode_states", "to_logits")


def shard(model: nn.Module, mesh: DeviceMesh) -> None:
    """Shard `model` in place over `mesh`: each block of its transformers as a unit, then the rest.

    Scalars (log-temperature and bias of SigLIP) cannot be sharded: they are replicated, and a hook averages their
    gradients over the ranks.
    """
    scalars = {parameter for parameter in model.parameters() if parameter.ndim == 0}
    for scalar in scalars:
        if scalar.requires_grad:
            scalar.register_post_accumulate_grad_hook(lambda scalar: _average(scalar, mesh))
    for module in model.modules():
        if isinstance(module, nn.ModuleList):
            for block in module:
                fully_shard(block, mesh=mesh)
    fully_shard(model, mesh=mesh, ignored_params=scalars)
    for name in FORWARD_METHODS:
        if hasattr(model, name):
            register_fsdp_forward_method(model, name)


def _average(scalar: Tensor, mesh: DeviceMesh) -> None:
    if scalar.grad is not None:
        dist.all_reduce(scalar.grad, group=mesh.get_group())
        scalar.grad /= mesh.size()
