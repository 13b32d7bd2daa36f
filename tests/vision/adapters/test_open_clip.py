"""open_clip's image towers as encoders."""

from __future__ import annotations

import socket

import open_clip
import pytest
import torch
from open_clip.model import _build_vision_tower

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
    """With the same gradients: fine-tuning asks for it (`runtime.gradient_checkpointing`)."""
    encoder = OpenClipEncoder("ViT-S-32-alt", image_size=64)
    images, gradients = torch.randn(1, 3, 64, 64), []
    for wanted in (False, True):
        encoder.zero_grad()
        encoder.set_gradient_checkpointing(wanted)
        encoder.pooled(images).sum().backward()
        gradients.append(encoder.core.conv1.weight.grad.clone())
    assert encoder.core.transformer.grad_checkpointing
    torch.testing.assert_close(*gradients)


def test_a_resnet_pools_before_its_projection(monkeypatch: pytest.MonkeyPatch) -> None:
    config = open_clip.get_model_config("RN50")
    small = config["vision_cfg"] | {"layers": [1, 1, 1, 1], "width": 8}
    monkeypatch.setattr(open_clip, "get_model_config", lambda name: config | {"vision_cfg": small})
    torch.manual_seed(0)
    encoder = OpenClipEncoder("RN50", image_size=64).eval()
    torch.manual_seed(0)
    peer = _build_vision_tower(config["embed_dim"], small | {"image_size": 64}).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        projected = torch.nn.functional.linear(encoder.pooled(images), *peer.attnpool.c_proj.parameters())
        torch.testing.assert_close(projected, peer(images), atol=1e-5, rtol=1e-5)
        features = peer.forward_intermediates(images, indices=1, intermediates_only=True)["image_intermediates"][-1]
        torch.testing.assert_close(encoder(images), features.flatten(2).transpose(1, 2))
    assert encoder.width == 256 and encoder.patch == 32 and encoder.native_grid == (2, 2)


@pytest.mark.parametrize(
    ("name", "side", "grid", "width"),
    [
        ("convnext_base", 224, 7, 1024),
        ("EVA02-B-16", 224, 14, 768),
        ("MobileCLIP2-S0", 256, 8, 1024),
        ("ViTamin-S", 224, 14, 384),
        ("PE-Core-T-16-384", 384, 24, 192),
        ("swin_base_patch4_window7_224", 224, 7, 1024),
        ("roberta-ViT-B-32", 224, 7, 768),
        ("nllb-clip-base-siglip", 384, 24, 768),
    ],
)
def test_towers_of_every_kind_without_network(
    name: str, side: int, grid: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text tower of some is a model of transformers, which would be fetched."""
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("it asks the network"))
    with torch.device("meta"):
        encoder = OpenClipEncoder(name, side)
        tokens, pooled = encoder(torch.empty(2, 3, side, side)), encoder.pooled(torch.empty(2, 3, side, side))
    assert tokens.shape == (2, grid * grid, width) and pooled.shape == (2, width) and encoder.grid(side) == (grid, grid)


def test_tokens_are_normed_where_the_tower_norms_its_mean_alone() -> None:
    """CLIPA's: as of transformers' CLIP, all tokens get the norm of the vector that is pooled."""
    with torch.device("meta"):
        encoder = OpenClipEncoder("ViT-L-14-CLIPA", 224)
    assert encoder.core.final_ln_after_pool
    encoder.core.ln_post = torch.nn.Identity()
    encoder.core.ln_post.forward = lambda x: x[..., :3]
    assert encoder(torch.empty(1, 3, 224, 224, device="meta")).shape == (1, 256, 3)


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
    with pytest.raises(ConfigError, match="open_clip's coca_ViT-B-32 has no tokens on a grid"):
        OpenClipEncoder("coca_ViT-B-32", image_size=64)
    with torch.device("meta"), pytest.raises(ConfigError, match="patch 16 does not divide a resolution of 60 pixels"):
        OpenClipEncoder("ViTamin-S", image_size=60)
    with pytest.raises(ConfigError, match="built for 64 pixels and cannot take 96"):
        OpenClipEncoder("ViT-S-32-alt", image_size=64).grid(96)
