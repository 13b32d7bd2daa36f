"""Parts of a model that mixed precision leaves alone."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch
from torch import Tensor


def without_autocast(like: Tensor) -> AbstractContextManager[object]:
    """Within it, numbers are computed in the format that they are in. The meta device has no autocast to switch off."""
    return nullcontext() if like.is_meta else torch.autocast(like.device.type, enabled=False)
