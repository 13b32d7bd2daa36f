"""Exported weights, loaded by the other libraries and read back."""

from __future__ import annotations

from pathlib import Path

import open_clip
import pytest
import timm
import torch
import transformers
from timm.data.config import resolve_model_data_config
from torch import Tensor, nn

from pali3kit.errors import ConfigError
from pali3kit.losses.sigmoid import normalize
from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.vision.vit import ViT
from pali3kit.weights.export import export_two_towers, export_vision
from pali3kit.weights.load import load_two_towers, load_vision

SHAPE = {"width": 32, "depth": 2, "heads": 4, "mlp": 64, "patch": 8}


def vit(head: str = "map") -> ViT:
    torch.manual_seed(0)
    model = ViT(image_size=32, head=head, **SHAPE)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    return model.eval()


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))


def comes_back(given: ViT, folder: Path, head: str) -> None:
    found = ViT(image_size=32, head=head, **SHAPE)
    assert not load_vision(found, folder).ignored
    assert all(torch.equal(x, given.state_dict()[name]) for name, x in found.state_dict().items())


@pytest.mark.parametrize("head", ["map", "gap", "token"])
def test_timm(head: str, images: Tensor, tmp_path: Path) -> None:
    given = vit(head)
    export_vision(given, tmp_path, "timm")
    peer = timm.create_model(f"local-dir:{tmp_path}", pretrained=True).eval()
    with torch.no_grad():
        torch.testing.assert_close(peer(images), given.pooled(images), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(
            peer.forward_features(images)[:, peer.num_prefix_tokens :], given(images), atol=1e-5, rtol=1e-5
        )
    data = resolve_model_data_config(peer)
    assert [*data["mean"]] == [0.5, 0.5, 0.5] and data["crop_mode"] == "squash" and data["interpolation"] == "bilinear"
    comes_back(given, tmp_path, head)


def test_transformers(images: Tensor, tmp_path: Path) -> None:
    given = vit()
    export_vision(given, tmp_path, "hf")
    peer = transformers.AutoModel.from_pretrained(tmp_path).eval()
    assert isinstance(peer, transformers.SiglipVisionModel)
    with torch.no_grad():
        output = peer(images)
        torch.testing.assert_close(output.last_hidden_state, given(images), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(output.pooler_output, given.pooled(images), atol=1e-5, rtol=1e-5)
    comes_back(given, tmp_path, "map")


@pytest.mark.slow
def test_open_clip(tmp_path: Path) -> None:
    """open_clip builds the ViT by timm's name, so this is a whole B/16."""
    torch.manual_seed(0)
    text = TextTower(vocabulary=40, length=6, out=768, width=64, depth=2, heads=4, mlp=96)
    towers = TwoTowers(ViT(image_size=224, size="B/16"), text, bias=-7.0).eval()
    export_two_towers(towers, tmp_path, "vit_base_patch16_siglip_224")
    peer = open_clip.create_model(f"local-dir:{tmp_path}").eval()
    images, ids = torch.randn(2, 3, 224, 224), torch.randint(2, 40, (2, 6))
    for module in peer.visual.modules():
        if isinstance(module, nn.GELU):
            module.approximate = "tanh"
    with torch.no_grad():
        image, texts, scale, bias = peer(images, ids)
        ours = towers(images, ids)
    torch.testing.assert_close(image, normalize(ours[0]), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(texts, normalize(ours[1]), atol=1e-5, rtol=1e-4)
    assert bias.item() == -7.0 and scale.item() == pytest.approx(10.0)
    found = TwoTowers(ViT(image_size=224, size="B/16"), text)
    load_two_towers(found, tmp_path)
    assert torch.equal(found.vision.head.probe, towers.vision.head.probe)


def test_what_is_refused(tmp_path: Path) -> None:
    towers = TwoTowers(vit(), TextTower(vocabulary=40, length=6, out=32, width=16, depth=1, heads=4, mlp=24))
    with pytest.raises(
        ConfigError, match=r"timm's vit_base_patch16_siglip_224 has another shape: attn_pool.kv.bias \[15"
    ):
        export_two_towers(towers, tmp_path, "vit_base_patch16_siglip_224")
    with pytest.raises(ConfigError, match=r"cannot be exported to 'tim'. Did you mean 'timm'"):
        export_vision(vit(), tmp_path, "tim")
    with pytest.raises(ConfigError, match=r"needs a MAP head"):
        export_vision(vit("gap"), tmp_path, "hf")
