"""Accelerators, and what they do to the checks of memory."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from pali3kit.config.hardware import ACCELERATORS, Hardware, find_accelerator
from pali3kit.config.load import load
from pali3kit.config.runtime import Runtime
from pali3kit.errors import ConfigError


def test_each_name_has_its_figures_and_their_source() -> None:
    assert {*get_args(Hardware)} == ACCELERATORS.keys()
    for name, chip in ACCELERATORS.items():
        assert 16 < chip.memory < 200 and 50 < chip.tflops < 3000 and chip.source.startswith("NVIDIA "), name


def test_memory_is_that_of_the_accelerator_unless_it_is_given() -> None:
    assert Runtime().device_memory == 0.0
    assert Runtime(hardware="h100").device_memory == 79.0
    assert Runtime(hardware="h100", memory=40.0).device_memory == 40.0


def test_an_unknown_accelerator_is_refused_with_the_nearest(trial: Path) -> None:
    with pytest.raises(ConfigError, match=r"runtime\.hardware cannot be 'h101'\. Did you mean 'h100'\?"):
        load("x.yaml", ["runtime.hardware=h101"])
    with pytest.raises(ConfigError, match=r"runtime\.utilization should be more than 0 and at most 1, not 0"):
        load("x.yaml", ["runtime.utilization=0"])


def test_an_accelerator_is_known_by_its_drivers_name() -> None:
    """A name within another one is another accelerator, and a slower variant is not taken for the one in the table."""
    names = {
        "NVIDIA H200": "h200", "NVIDIA H100 80GB HBM3": "h100", "NVIDIA A100-SXM4-80GB": "a100", "NVIDIA L4": "l4",
        "NVIDIA L40S": "l40s", "NVIDIA GeForce RTX 4090": "rtx4090", "NVIDIA B200": "b200",
    }  # fmt: skip
    for device, name in names.items():
        assert find_accelerator(device) == ACCELERATORS[name]  # type: ignore[index]
    others = "NVIDIA L40", "NVIDIA H100 NVL", "NVIDIA H100 PCIe", "NVIDIA GeForce RTX 4090 Laptop GPU", "Tesla T4"
    assert [find_accelerator(device) for device in others] == [None] * 5
