"""What stages compute on, and in which number format."""

from __future__ import annotations

from typing import Literal

import torch


def chosen_device() -> torch.device:
    """The GPU where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def chosen_precision(device: torch.device) -> Literal["bf16-mixed", "32-true"]:
    """bf16 where it pays."""
    return "bf16-mixed" if bf16_is_fast(device) else "32-true"


def bf16_is_fast(device: torch.device) -> bool:
    """Whether autocast to bf16 pays: on GPUs that have it and on CPUs with AMX tiles.

    Measured: 600-700 GFLOP/s against 90-200 in fp32 with AMX, 1 against 53-87 without.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_amx_tile_supported())


def described() -> dict[str, str]:
    """Device and precision in words, for the manifest of what is made with them."""
    device = chosen_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    return {"device": name, "precision": chosen_precision(device)}
