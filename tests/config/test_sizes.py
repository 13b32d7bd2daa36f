"""Parameters counted from shapes are those of the models."""

from __future__ import annotations

import pytest
import torch

from pali3kit.config.shapes import LANGUAGE_SHAPES, VIT_SHAPES
from pali3kit.config.sizes import language_parameters, least_bytes, text_tower_parameters, vit_parameters
from pali3kit.declared.entry import RegistryEntry
from pali3kit.language.ul2 import UL2
from pali3kit.models.text_tower import TextTower
from pali3kit.registry import OPTIMIZER
from pali3kit.vision.vit import ViT


@pytest.mark.parametrize("size", ["B/16", "So400m/14", "G/14"])
@pytest.mark.parametrize("side", [224, 448])
def test_vit(size: str, side: int) -> None:
    with torch.device("meta"):
        model = ViT(side, size)
    counted = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("head."))
    assert vit_parameters(VIT_SHAPES[size], side) == counted


@pytest.mark.parametrize("size", ["tiny", "base", "3B", "20B"])
@pytest.mark.parametrize(("gated", "tied"), [(True, False), (False, True)])
def test_ul2(size: str, gated: bool, tied: bool) -> None:
    with torch.device("meta"):
        model = UL2(1000, size, gated=gated, tied=tied)
    counted = sum(p.numel() for p in model.parameters())
    assert language_parameters(LANGUAGE_SHAPES[size], 1000, gated, tied, buckets=32) == counted


@pytest.mark.parametrize("bottleneck", [None, 96])
def test_text_tower(bottleneck: int | None) -> None:
    with torch.device("meta"):
        model = TextTower(1000, 64, 768, width=512, depth=3, heads=8, mlp=1024, bottleneck=bottleneck)
    counted = sum(p.numel() for p in model.parameters())
    assert text_tower_parameters(1000, 64, 768, 512, 3, 1024, bottleneck) == counted


def test_least_bytes_by_hand() -> None:
    assert least_bytes(10, "adamw") == 160 and least_bytes(10, "adafactor") == 100
    assert least_bytes(10, "muon") == 120


def test_an_optimizer_that_does_not_tell_is_thought_to_keep_two_moments(monkeypatch: pytest.MonkeyPatch) -> None:
    OPTIMIZER.names()
    monkeypatch.setitem(OPTIMIZER._entries, "silent", RegistryEntry("silent", "theirs:silent"))
    monkeypatch.setitem(OPTIMIZER._entries, "sgd", RegistryEntry("sgd", "theirs:sgd", moments=0))
    assert least_bytes(10, "silent") == 160 and least_bytes(10, "sgd") == 80
