"""What every pair of towers promises."""

from __future__ import annotations

import pytest
import torch

from pali3kit.models.hf import HfTowers
from pali3kit.models.open_clip import OpenClipTowers
from pali3kit.models.towers import Towers
from pali3kit.models.trained import TrainedTowers


def test_every_pair_is_one() -> None:
    assert all(issubclass(kind, Towers) for kind in (HfTowers, OpenClipTowers, TrainedTowers))


def test_what_towers_must_say_themselves() -> None:
    with pytest.raises(NotImplementedError):
        Towers().embed_images(torch.zeros(1, 3, 8, 8))
    with pytest.raises(NotImplementedError):
        Towers().embed_texts(["a rose"])
