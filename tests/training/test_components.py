"""Models are rebuilt from the folders of their artifacts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from pali3kit.errors import WeightsError
from pali3kit.training.components import Artifact, build_vision, save_model

SHAPE = {"vision": {"name": "vit", "width": 16, "depth": 1, "heads": 2, "mlp": 32, "patch": 8}, "image_size": 16}


def test_an_encoder_is_rebuilt_from_its_folder(tmp_path: Path) -> None:
    vision = build_vision(SHAPE["vision"], 16)
    save_model(tmp_path, vision, **SHAPE)
    again = Artifact(tmp_path).vision()
    images = torch.randn(1, 3, 16, 16)
    torch.testing.assert_close(again(images), vision(images))
    assert not again.training


def test_a_folder_without_a_description_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="not an artifact with weights"):
        _ = Artifact(tmp_path).config
