"""Accelerators for which `plan` can tell memory and time: `runtime.hardware`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Hardware = Literal["a100", "a100_40", "b200", "h100", "h200", "l4", "l40s", "rtx3090", "rtx4090", "rtx5090"]


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One model of accelerator.

    Attributes:
        memory: GiB that programs have of it, as the driver counts them, rounded down.
        tflops: TFLOP/s of dense matrix products in bf16 with fp32 sums, as its maker states them.
        source: of `tflops`. Data sheets that print the figure with sparsity count twice as many.
    """

    memory: float
    tflops: float
    source: str


ACCELERATORS: Mapping[Hardware, Accelerator] = {
    "a100": Accelerator(79, 312, "NVIDIA A100 data sheet, 80 GB SXM"),
    "a100_40": Accelerator(39, 312, "NVIDIA A100 data sheet, 40 GB"),
    "b200": Accelerator(178, 2250, "NVIDIA HGX B200 data sheet: 18 PFLOP/s of 8 dense"),
    "h100": Accelerator(79, 989, "NVIDIA H100 data sheet, SXM: 1,979 with sparsity"),
    "h200": Accelerator(139, 989, "NVIDIA H200 data sheet, SXM: 1,979 with sparsity"),
    "l4": Accelerator(22, 121, "NVIDIA L4 data sheet: 242 with sparsity"),
    "l40s": Accelerator(44, 362, "NVIDIA L40S data sheet: 733 with sparsity"),
    "rtx3090": Accelerator(23, 71, "NVIDIA Ampere GA102 white paper, Appendix A"),
    "rtx4090": Accelerator(23, 165, "NVIDIA Ada white paper, Appendix A"),
    "rtx5090": Accelerator(31, 209, "NVIDIA RTX Blackwell white paper, Appendix A"),
}

_SLOWER = frozenset({"pcie", "nvl", "laptop"})
"""Words in the names of accelerators with fewer FLOP/s than the one in the table."""


def find_accelerator(device: str) -> Accelerator | None:
    """The accelerator that a driver calls `device`, such as `NVIDIA GeForce RTX 4090`; None where it is not listed."""
    words = re.findall(r"[a-z0-9]+", device.lower().replace("rtx ", "rtx"))
    found = [chip for name, chip in ACCELERATORS.items() if name in words]
    return found[0] if found and not _SLOWER.intersection(words) else None
