"""Computations that are kept out of mixed precision."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast(like: Tensor) -> AbstractContextManager[object]:
    """Disables autocast on the device of `like`; does nothing on the meta device, which has no autocast."""
    return nullcontext() if like.is_meta else torch.autocast(like.device.type, enabled=False)


def at_least_float32(x: Tensor) -> Tensor:
    """Half-precision `x` as float32; float32 and float64 as they are (float64 is what gradient checks use)."""
    return x.float() if x.dtype in (torch.bfloat16, torch.float16) else x
