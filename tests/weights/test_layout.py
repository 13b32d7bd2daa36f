"""Layouts are known for our ViT only."""

from __future__ import annotations

import pytest

from pali3kit.errors import WeightsError
from pali3kit.vision.contract import VisionEncoder
from pali3kit.vision.vit import ViT
from pali3kit.weights.layout import require_vit


def test_other_encoders_are_refused() -> None:
    vit = ViT(image_size=16, width=8, depth=1, heads=2, mlp=8, patch=8)
    assert require_vit(vit) is vit
    with pytest.raises(WeightsError, match="a VisionEncoder is no vit: layouts of weights are known for vit alone"):
        require_vit(VisionEncoder())
