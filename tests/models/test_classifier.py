"""The classifier starts at its bias."""

from __future__ import annotations

import torch

from pali3kit.models.classifier import Classifier
from pali3kit.vision.vit import ViT


def test_it_starts_at_its_bias() -> None:
    model = Classifier(ViT(16, width=12, depth=1, heads=2, mlp=24, patch=8), classes=7, head_bias=-10.0)
    torch.testing.assert_close(model(torch.randn(2, 3, 16, 16)), torch.full((2, 7), -10.0))
