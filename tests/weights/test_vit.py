"""`vit` with weights from a file."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pali3kit.errors import WeightsError
from pali3kit.registry import VISION
from pali3kit.vision.vit import ViT
from pali3kit.weights.files import save_weights

SHAPE = {"width": 16, "depth": 1, "heads": 2, "mlp": 32, "patch": 8}


def test_weights_are_those_of_the_file(tmp_path: Path) -> None:
    saved = ViT(16, **SHAPE)  # type: ignore[arg-type]
    save_weights(saved, tmp_path / "weights.safetensors")
    loaded = VISION.build("vit", image_size=16, weights=str(tmp_path), **SHAPE)
    assert all(torch.equal(tensor, loaded.state_dict()[name]) for name, tensor in saved.state_dict().items())
    assert loaded.load_report.layout == "pali3kit" and len(loaded.load_report.sha256) == 64
    assert VISION.build("vit", image_size=16, **SHAPE).load_report is None


def test_exceptions_are_named(tmp_path: Path) -> None:
    gap = ViT(16, **SHAPE, head="gap")  # type: ignore[arg-type]
    save_weights(gap, tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError, match=r"missing head\."):
        VISION.build("vit", image_size=16, weights=str(tmp_path), **SHAPE)
    loaded = VISION.build("vit", image_size=16, weights=str(tmp_path), allow=["head.*"], **SHAPE)
    assert torch.equal(loaded.embed.weight, gap.embed.weight)
    assert loaded.load_report.kept == tuple(f"head.{name}" for name in sorted(loaded.head.state_dict()))
