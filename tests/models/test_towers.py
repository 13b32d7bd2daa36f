"""The interface of two-tower models."""

from __future__ import annotations

import pytest
import torch

from pali3kit.models.hf import HfTowers
from pali3kit.models.open_clip import OpenClipTowers
from pali3kit.models.towers import Towers
from pali3kit.models.trained import TrainedTowers


def test_every_two_tower_model_is_a_subclass() -> None:
    assert all(issubclass(kind, Towers) for kind in (HfTowers, OpenClipTowers, TrainedTowers))


def test_abstract_methods_raise() -> None:
    with pytest.raises(NotImplementedError):
        Towers().embed_images(torch.zeros(1, 3, 8, 8))
    with pytest.raises(NotImplementedError):
        Towers().embed_texts(["a rose"])
