"""timm's models as encoders: timm's own features, without prefix tokens."""

from __future__ import annotations

import pytest
import timm
import torch

from pali3kit.errors import ConfigError, RegistryError
from pali3kit.registry import VISION
from pali3kit.vision.adapters.timm import TimmEncoder


@pytest.mark.parametrize(
    ("name", "prefix"),
    [
        ("vit_tiny_patch16_224", 1),
        ("vit_small_patch14_reg4_dinov2", 5),
        ("test_vit4", 1),
        ("eva02_tiny_patch14_224", 1),
    ],
)
def test_vits(name: str, prefix: int) -> None:
    encoder = VISION.build(f"timm/{name}", image_size=56 if "14" in name else 64).eval()
    side = encoder.image_spec.size
    images = torch.randn(2, 3, side, side)
    with torch.no_grad():
        tokens = encoder(images)
        assert tokens.shape == (2, encoder.native_grid[0] ** 2, encoder.width)
        torch.testing.assert_close(tokens, encoder.model.forward_features(images)[:, prefix:])
        assert encoder.pooled(images).shape == (2, encoder.width)
        torch.testing.assert_close(encoder.pooled(images), encoder.model(images))


def test_another_resolution_by_timms_own_rule() -> None:
    encoder = TimmEncoder("vit_tiny_patch16_224", image_size=64).eval()
    bigger = timm.create_model("vit_tiny_patch16_224", num_classes=0, img_size=64).eval()
    bigger.load_state_dict(encoder.model.state_dict())
    bigger.set_input_size(img_size=(96, 96))
    images = torch.randn(1, 3, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(encoder(images), bigger.forward_features(images)[:, 1:], atol=1e-5, rtol=1e-5)
    assert encoder.grid(96) == (6, 6)
    with pytest.raises(ConfigError, match="patch 16 does not divide a resolution of 100 pixels"):
        encoder.grid(100)


@pytest.mark.parametrize("name", ["test_efficientnet", "test_resnet", "test_convnext"])
def test_maps_of_convolutions_are_tokens(name: str) -> None:
    encoder = TimmEncoder(name, image_size=64).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        features = encoder.model.forward_features(images)
        tokens = encoder(images)
    rows, columns = encoder.native_grid
    assert tokens.shape == (2, rows * columns, encoder.width) and features.shape[-2:] == (rows, columns)
    torch.testing.assert_close(tokens[0, columns], features[0, :, 1, 0])


def test_preprocessing_is_the_sources() -> None:
    siglip = TimmEncoder("test_vit4", image_size=64).image_spec
    data = timm.data.resolve_model_data_config(timm.create_model("test_vit4"))
    assert (
        siglip.mean == data["mean"]
        and siglip.interpolation == data["interpolation"]
        and siglip.crop == data["crop_pct"]
    )


def test_an_unknown_name_is_refused_with_the_nearest() -> None:
    with pytest.raises(RegistryError, match=r"timm has no model 'vit_tiny_patch16_22'.*vit_tiny_patch16_224"):
        TimmEncoder("vit_tiny_patch16_22", image_size=64)
