"""Whole models of open_clip: zero-shot logits are theirs."""

from __future__ import annotations

import open_clip
import pytest
import torch

from pali3kit.errors import RegistryError
from pali3kit.losses.sigmoid import normalize
from pali3kit.models.open_clip import OpenClipTowers


def test_zero_shot_logits_are_the_models_own() -> None:
    towers = OpenClipTowers("ViT-S-32-alt").eval()
    images, ids = torch.randn(2, 3, 224, 224), towers.tokens(["a photo of a cat", "a photo of a dog", "nothing"])
    with torch.no_grad():
        image, text = towers(images, ids)
        logits = towers.log_scale.exp() * normalize(image) @ normalize(text).T + towers.bias
        theirs, _ = towers.model.get_logits(images, ids)
    assert logits.shape == (2, 3)
    torch.testing.assert_close(logits, theirs, rtol=1e-5, atol=1e-5)


def test_a_bias_is_taken_where_there_is_one() -> None:
    towers = OpenClipTowers("ViT-S-32-alt")
    assert towers.bias.item() == 0.0
    towers.model.logit_bias = torch.nn.Parameter(torch.tensor(-10.0))
    assert towers.bias.item() == -10.0


def test_an_unknown_model() -> None:
    with pytest.raises(RegistryError, match=r"open_clip has no model 'ViT-B-16-SigLib'.*ViT-B-16-SigLIP"):
        OpenClipTowers("ViT-B-16-SigLib")
    assert "ViT-B-16-SigLIP" in open_clip.list_models()
