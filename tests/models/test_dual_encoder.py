"""The interface of two-tower models."""

from __future__ import annotations

import pytest
import torch

from pali3kit.models.dual_encoder import DualEncoder
from pali3kit.models.hf import HfDualEncoder
from pali3kit.models.open_clip import OpenClipDualEncoder
from pali3kit.models.trained import TrainedDualEncoder


def test_every_two_tower_model_is_a_subclass() -> None:
    assert all(issubclass(kind, DualEncoder) for kind in (HfDualEncoder, OpenClipDualEncoder, TrainedDualEncoder))


def test_abstract_methods_raise() -> None:
    with pytest.raises(NotImplementedError):
        DualEncoder().embed_images(torch.zeros(1, 3, 8, 8))
    with pytest.raises(NotImplementedError):
        DualEncoder().embed_texts(["a rose"])
