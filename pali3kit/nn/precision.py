"""What mixed precision computes in which dtype."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast(like: Tensor) -> AbstractContextManager[object]:
    """Disables autocast on the device of `like`; does nothing on the meta device, which has no autocast."""
    return nullcontext() if like.is_meta else torch.autocast(like.device.type, enabled=False)


def matmul_dtype(x: Tensor) -> torch.dtype:
    """The dtype of matrix products with `x`: under autocast its dtype, else that of `x`, which float64 always keeps."""
    device = x.device.type
    if x.is_meta or x.dtype == torch.float64 or not torch.is_autocast_enabled(device):
        return x.dtype
    return torch.get_autocast_dtype(device)


def at_least_float32(x: Tensor) -> Tensor:
    """Half-precision `x` as float32; float32 and float64 as they are (float64 is what gradient checks use)."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
