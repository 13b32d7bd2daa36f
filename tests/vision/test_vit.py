"""ViT: the parameter counts of paper.md §1.2, the interface, and parity with timm's SigLIP."""

from __future__ import annotations

import pytest
import timm
import torch

from pali3kit.errors import ConfigError
from pali3kit.vision.vit import ViT

TINY = {"width": 32, "depth": 2, "heads": 4, "mlp": 64, "patch": 8}

COUNTS = {
    "B/16": (85_797_120, 7_087_104),
    "L/16": (303_299_584, 12_595_200),
    "So400m/14": (412_442_352, 15_238_352),
    "g/14": (1_011_199_616, 25_248_768),
    "G/14": (1_842_772_352, 38_360_064),
    "e/14": (3_805_417_728, 67_924_992),
}


@pytest.mark.parametrize("size", COUNTS)
def test_parameter_counts(size: str) -> None:
    with torch.device("meta"):
        vit = ViT(image_size=224, size=size)
    head = sum(p.numel() for p in vit.head.parameters())
    total = sum(p.numel() for p in vit.parameters())
    assert (total - head, head) == COUNTS[size]


@pytest.mark.parametrize(("resolution", "tokens"), [(224, 256), (448, 1024), (812, 3364), (1064, 5776)])
def test_tokens_at_the_papers_resolutions(resolution: int, tokens: int) -> None:
    """On the meta device, at G/14's patch and a smaller width; positions are those of 224."""
    with torch.device("meta"):
        vit = ViT(image_size=224, width=64, depth=1, heads=4, mlp=64, patch=14)
        assert vit(torch.zeros(1, 3, resolution, resolution)).shape == (1, tokens, 64)
    assert vit.grid(resolution) == (tokens**0.5, tokens**0.5)


def test_tokens_and_pooling() -> None:
    vit = ViT(image_size=32, **TINY)
    tokens = vit(torch.randn(2, 3, 32, 32))
    assert tokens.shape == (2, 16, 32)
    assert vit.pooled(torch.randn(2, 3, 32, 32)).shape == (2, 32)
    assert vit.width == 32 and vit.grid(32) == (4, 4)


def test_another_resolution_and_shape() -> None:
    vit = ViT(image_size=32, **TINY)
    assert vit(torch.randn(1, 3, 64, 40)).shape == (1, 40, 32)


def test_gap_head_is_the_mean() -> None:
    vit = ViT(image_size=32, head="gap", **TINY)
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(vit.pooled(images), vit(images).mean(1))


def test_the_class_token_is_pooled_and_no_visual_token() -> None:
    vit = ViT(image_size=32, head="token", **TINY)
    images = torch.randn(2, 3, 32, 32)
    states = vit._encode(images)
    assert states.shape == (2, 17, 32)
    torch.testing.assert_close(vit.pooled(images), states[:, 0])
    torch.testing.assert_close(vit(images), states[:, 1:])


def test_a_resolution_that_the_patch_does_not_divide_is_refused() -> None:
    with pytest.raises(ConfigError, match="patch 8 does not divide a resolution of 30 pixels"):
        ViT(image_size=30, **TINY)


def test_tokens_and_pooling_equal_timm() -> None:
    """timm's SigLIP ViT with the same weights: the same architecture, written twice."""
    vit = ViT(image_size=32, **TINY)
    peer = timm.models.vision_transformer.VisionTransformer(
        img_size=32, patch_size=8, embed_dim=32, depth=2, num_heads=4, mlp_ratio=2, num_classes=0,
        class_token=False, global_pool="map", act_layer="gelu_tanh",
    ).eval()  # fmt: skip
    peer.load_state_dict(_as_timm(vit))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(vit(images), peer.forward_features(images), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(vit.pooled(images), peer(images), atol=1e-5, rtol=1e-4)


def _as_timm(vit: ViT) -> dict[str, torch.Tensor]:
    ours = vit.state_dict()
    theirs = {"pos_embed": ours["positions"]}
    names = {
        "embed.": "patch_embed.proj.", "encoder.norm.": "norm.", "head.out.": "attn_pool.proj.",
        "head.query.": "attn_pool.q.", "head.norm.": "attn_pool.norm.",
        "head.mlp.up.": "attn_pool.mlp.fc1.", "head.mlp.down.": "attn_pool.mlp.fc2.",
    }  # fmt: skip
    for i in range(2):
        ours_i, theirs_i = f"encoder.blocks.{i}.", f"blocks.{i}."
        names |= {
            ours_i + "attention_norm.": theirs_i + "norm1.", ours_i + "mlp_norm.": theirs_i + "norm2.",
            ours_i + "attention.out.": theirs_i + "attn.proj.", ours_i + "mlp.up.": theirs_i + "mlp.fc1.",
            ours_i + "mlp.down.": theirs_i + "mlp.fc2.",
        }  # fmt: skip
    for ending in ("weight", "bias"):
        theirs |= {new + ending: ours[old + ending] for old, new in names.items()}
        for i in range(2):
            parts = [ours[f"encoder.blocks.{i}.attention.{part}.{ending}"] for part in ("query", "key", "value")]
            theirs[f"blocks.{i}.attn.qkv.{ending}"] = torch.cat(parts)
        theirs[f"attn_pool.kv.{ending}"] = torch.cat([ours[f"head.{part}.{ending}"] for part in ("key", "value")])
    theirs["attn_pool.latent"] = ours["head.probe"]
    return theirs
