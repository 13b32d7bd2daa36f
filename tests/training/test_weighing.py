"""What a stage would weigh is known before it is built."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from pali3kit.errors import StageError
from pali3kit.training import weighing
from pali3kit.training.calibration import fastest_seconds
from pali3kit.training.stages import evaluate, language, vision

G_14 = {
    "pretrain": "siglip", "image_size": 224, "vision": {"name": "vit", "size": "G/14"}, "vocabulary": 250_000,
    "source": {"name": "world"},
    "training": {
        "examples": 64, "batch_size": 32, "optimizer": {"name": "adamw"}, "text_length": 64,
        "text": {"name": "siglip_text", "width": 1664, "depth": 48, "heads": 16, "mlp": 8192},
    },
}  # fmt: skip
UL2_20B = {
    "image_size": 224, "vision": {"name": "vit", "size": "B/16"}, "projector": {"name": "linear"},
    "language": {"name": "ul2", "size": "20B"}, "vocabulary": 32_000, "beams": 1,
}  # fmt: skip
PRETRAINED = {
    **UL2_20B, "training": {"examples": 64, "batch_size": 32, "optimizer": {"name": "adamw"}, "length": 64}
}  # fmt: skip


@pytest.mark.parametrize(
    ("calibrate", "config", "gigabytes"),
    [(vision.calibrate, G_14, 66), (evaluate.calibrate, UL2_20B, 79), (language.calibrate, PRETRAINED, 313)],
)
def test_what_does_not_fit_is_refused_unbuilt(
    calibrate: Any, config: dict[str, Any], gigabytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(weighing, "available", lambda: 8_000_000_000)
    with pytest.raises(StageError, match=rf"parameters need {gigabytes} GB, 8 GB are free here"):
        weighing.demand_room(calibrate, config, 1)
    assert torch.get_default_device().type == "cpu"


def test_what_fits_and_what_cannot_be_weighed_may_be_measured() -> None:
    built: list[str] = []

    def small(config: dict[str, Any], threads: int) -> None:
        built.append(nn.Linear(3, 4).weight.device.type)
        fastest_seconds(built.append)

    def broken(config: dict[str, Any], threads: int) -> None:
        raise RuntimeError("no meta kernel")

    weighing.demand_room(small, {}, 1)
    weighing.demand_room(broken, {}, 1)
    assert built == ["meta"], "nothing was run"


def test_some_memory_is_free() -> None:
    assert weighing.available() > 1 << 26
