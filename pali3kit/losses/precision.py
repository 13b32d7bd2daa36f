"""The number format in which losses are summed."""

from __future__ import annotations

from torch import Tensor, bfloat16, float16


def at_least_float32(x: Tensor) -> Tensor:
    """Half-precision `x` as float32; float32 and float64 as they are (float64 is what gradient checks use)."""
    return x.float() if x.dtype in (bfloat16, float16) else x
