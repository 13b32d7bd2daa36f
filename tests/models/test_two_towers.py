"""SigLIP's two towers."""

from __future__ import annotations

import math

import torch

from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.vision.vit import ViT


def test_both_embeddings_have_the_encoders_width() -> None:
    vision = ViT(16, width=12, depth=1, heads=2, mlp=24, patch=8)
    towers = TwoTowers(vision, TextTower(20, length=4, out=12, width=8, depth=1, heads=2, mlp=16))
    images, ids = torch.randn(3, 3, 16, 16), torch.randint(2, 20, (3, 4))
    image, text = towers(images, ids)
    assert image.shape == text.shape == (3, 12)
    torch.testing.assert_close(image, vision.pooled(images))  # no projection of images
    assert math.isclose(float(towers.log_scale.detach()), math.log(10), rel_tol=1e-6)
    assert float(towers.bias.detach()) == -10.0
