"""open_clip's image towers as encoders."""

from __future__ import annotations

import open_clip
import pytest
import torch

from pali3kit.errors import ConfigError, RegistryError
from pali3kit.registry import VISION
from pali3kit.vision.adapters.open_clip import OpenClipEncoder


def test_its_own_vit() -> None:
    """Tokens after the last norm; what it pools is the class token, before the projection."""
    encoder = VISION.build("open_clip/ViT-S-32-alt", image_size=64).eval()
    images = torch.randn(2, 3, 64, 64)
    torch.manual_seed(0)
    peer = open_clip.create_model("ViT-S-32-alt", force_image_size=64).visual.eval()
    projection = peer.proj
    peer.load_state_dict(encoder.core.state_dict() | {"proj": projection})
    with torch.no_grad():
        states = peer.ln_post(peer.transformer(peer._embeds(images)))
        torch.testing.assert_close(encoder(images), states[:, 1:])
        torch.testing.assert_close(encoder.pooled(images) @ projection, peer(images))
    assert encoder.native_grid == (2, 2) and encoder.width == 384 and encoder.patch == 32
    assert encoder.image_spec.mean == open_clip.OPENAI_DATASET_MEAN and encoder.image_spec.resize == "shortest"


def test_activations_can_be_computed_again() -> None:
    """With the same gradients: fine-tuning asks for it (`runtime.recompute`)."""
    encoder = OpenClipEncoder("ViT-S-32-alt", image_size=64)
    images, gradients = torch.randn(1, 3, 64, 64), []
    for wanted in (False, True):
        encoder.zero_grad()
        encoder.recompute(wanted)
        encoder.pooled(images).sum().backward()
        gradients.append(encoder.core.conv1.weight.grad.clone())
    assert encoder.core.transformer.grad_checkpointing
    torch.testing.assert_close(*gradients)


@pytest.mark.slow
def test_siglip_is_timms_vit() -> None:
    encoder = OpenClipEncoder("ViT-B-16-SigLIP", image_size=64).eval()
    images = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(encoder(images), encoder.core.forward_features(images))
        torch.testing.assert_close(encoder.pooled(images), encoder.core(images))
    assert encoder.native_grid == (4, 4) and encoder.width == 768
    assert encoder.image_spec.mean == (0.5, 0.5, 0.5) and encoder.image_spec.resize == "squash"


def test_what_is_refused() -> None:
    with pytest.raises(RegistryError, match=r"open_clip has no model 'ViT-B-16-SigLip'.*ViT-B-16-SigLIP"):
        OpenClipEncoder("ViT-B-16-SigLip", image_size=64)
    with pytest.raises(ConfigError, match="'RN50' is no ViT"):
        OpenClipEncoder("RN50", image_size=64)
    with pytest.raises(ConfigError, match="built for 64 pixels and cannot take 96"):
        OpenClipEncoder("ViT-S-32-alt", image_size=64).grid(96)
