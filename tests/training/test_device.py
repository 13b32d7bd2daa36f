"""Precision by device and by option."""

from __future__ import annotations

import pytest
import torch

from pali3kit.training import device
from pali3kit.training.device import chosen_precision, describe_device, inference_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize("fast", [True, False])
def test_auto_is_bf16_on_gpus_only(fast: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device, "_bf16_is_fast", lambda on: fast)
    assert chosen_precision(CPU, "fp32") == "32-true" and chosen_precision(CPU, "bf16") == "bf16-mixed"
    assert chosen_precision(CPU) == "32-true"
    assert chosen_precision(GPU) == ("bf16-mixed" if fast else "32-true")


def test_the_manifest_has_the_precision() -> None:
    assert describe_device("fp32")["precision"] == "32-true" and describe_device("bf16")["precision"] == "bf16-mixed"


@pytest.mark.parametrize(("wanted", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_stages_that_only_compute_do_so_in_the_trainings_precision(wanted: str, dtype: torch.dtype) -> None:
    linear = torch.nn.Linear(4, 4).to(device.chosen_device())
    with inference_precision(wanted), torch.inference_mode():
        assert linear(torch.zeros(1, 4, device=linear.weight.device)).dtype == dtype
    assert linear(torch.zeros(1, 4, device=linear.weight.device)).dtype == torch.float32
