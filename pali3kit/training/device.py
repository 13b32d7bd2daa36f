"""The device and the floating-point precision of stages."""

from __future__ import annotations

from typing import Literal

import torch


def chosen_device() -> torch.device:
    """The GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def chosen_precision(device: torch.device, wanted: str = "auto") -> Literal["bf16-mixed", "32-true"]:
    """Lightning's name of the precision `wanted`, "fp32", "bf16" or "auto": bf16 on GPUs that support it, fp32 on CPUs.

    CPUs with AMX use fp32 too: the embedded encoders train no faster in bf16 (classification 197 s against 201 s in
    fp32, SigLIP 271 s against 260 s), SigLIP trains worse (loss 3.62 against 3.42, probe 20.0 against 23.0), and with
    fp32 results do not depend on the CPU.
    """
    bf16 = device.type == "cuda" and _bf16_is_fast(device) if wanted == "auto" else wanted == "bf16"
    return "bf16-mixed" if bf16 else "32-true"


def inference_precision(wanted: str, device: torch.device | None = None) -> torch.autocast:
    """Autocast as in training with the precision `wanted`, to compute only; in fp32 it does nothing.

    Weights are cast once within one such context, so a stage enters it once, not for each batch.
    """
    device = device or chosen_device()
    return torch.autocast(device.type, torch.bfloat16, enabled=chosen_precision(device, wanted) == "bf16-mixed")


def _bf16_is_fast(device: torch.device) -> bool:
    """Whether large matrix products are faster in bf16: on GPUs that support it and on CPUs with AMX tiles.

    Measured on CPUs: 600-700 GFLOP/s against 90-200 in fp32 with AMX, 1 against 53-87 without.
    """
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return bool(torch.cpu._is_amx_tile_supported())


def describe_device(precision: str = "auto") -> dict[str, str]:
    """Names of device and precision, for the manifest of an artifact."""
    device = chosen_device()
    name = torch.cuda.get_device_name() if device.type == "cuda" else "cpu"
    return {"device": name, "precision": chosen_precision(device, precision)}
