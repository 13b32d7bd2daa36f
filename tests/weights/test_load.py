"""Weights of other libraries' ViTs in ours: equal outputs, and every tensor is accounted for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from open_clip.transformer import TextTransformer
from safetensors.torch import save_file
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from transformers import SiglipConfig, SiglipModel, SiglipVisionConfig, SiglipVisionModel

from pali3kit.errors import WeightsError
from pali3kit.losses.sigmoid import normalize
from pali3kit.models.text_tower import TextTower
from pali3kit.models.two_towers import TwoTowers
from pali3kit.vision.vit import ViT
from pali3kit.weights.links import to_ours, to_theirs
from pali3kit.weights.load import load_two_towers, load_vision
from pali3kit.weights.recognise import LAYOUTS

SHAPE = {"width": 32, "depth": 2, "heads": 4, "mlp": 64, "patch": 8}


def timm_vit(head: str, size: int = 32) -> VisionTransformer:
    pool = {"map": "map", "gap": "avg", "token": "token"}[head]
    return randomised(VisionTransformer(
        img_size=size, patch_size=8, embed_dim=32, depth=2, num_heads=4, mlp_ratio=2, num_classes=0,
        class_token=head == "token", global_pool=pool, act_layer="gelu_tanh", fc_norm=False,
    ))  # fmt: skip


def siglip(size: int = 32) -> SiglipVisionModel:
    config = SiglipVisionConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=size, patch_size=8,
        attn_implementation="eager",
    )  # fmt: skip
    return randomised(SiglipVisionModel(config))


def randomised(module: Any) -> Any:
    """Every parameter random, so that a swapped or forgotten one is noticed."""
    torch.manual_seed(1)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.2)
    return module.eval()


def same_outputs(vit: ViT, tokens: Tensor, pooled: Tensor, images: Tensor) -> None:
    with torch.no_grad():
        torch.testing.assert_close(vit(images), tokens, atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(vit.pooled(images), pooled, atol=1e-5, rtol=1e-5)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize("head", ["map", "gap", "token"])
@pytest.mark.parametrize("prefix", ["", "visual.trunk."])
def test_timm(head: str, prefix: str, images: Tensor, tmp_path: Path) -> None:
    peer = timm_vit(head)
    save_file({prefix + name: x for name, x in peer.state_dict().items()}, tmp_path / "model.safetensors")
    vit = ViT(image_size=32, head=head, **SHAPE)
    report = load_vision(vit, tmp_path)
    assert report.layout == "timm" and set(report.loaded) == set(vit.state_dict())
    with torch.no_grad():
        tokens = peer.forward_features(images)
        same_outputs(vit, tokens[:, 1:] if head == "token" else tokens, peer(images), images)


def test_transformers_siglip(images: Tensor, tmp_path: Path) -> None:
    peer = siglip()
    peer.save_pretrained(tmp_path)
    vit = ViT(image_size=32, **SHAPE)
    assert load_vision(vit, tmp_path).layout == "hf"
    with torch.no_grad():
        output = peer(images)
    same_outputs(vit, output.last_hidden_state, output.pooler_output, images)


TEXT = {"vocabulary": 40, "length": 6, "out": 32, "width": 16, "depth": 2, "heads": 4, "mlp": 24}


def two_towers(seed: int) -> TwoTowers:
    towers = randomised(TwoTowers(ViT(image_size=32, **SHAPE), TextTower(**TEXT)))
    torch.manual_seed(seed)
    return towers


def test_both_towers_of_transformers(images: Tensor, tmp_path: Path) -> None:
    text = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 4,
            "vocab_size": 40, "max_position_embeddings": 6, "projection_size": 32}  # fmt: skip
    vision = siglip().config.to_dict()
    peer = randomised(SiglipModel(SiglipConfig(text_config=text, vision_config=vision)))
    peer.save_pretrained(tmp_path)
    towers = two_towers(0)
    report = load_two_towers(towers, tmp_path)
    assert report.layout == "hf" and not report.ignored
    ids = torch.randint(2, 40, (2, 6))
    with torch.no_grad():
        image, texts = towers(images, ids)
        output = peer(input_ids=ids, pixel_values=images)
        logits = normalize(texts) @ normalize(image).T * towers.log_scale.exp() + towers.bias
    torch.testing.assert_close(image, output.vision_model_output.pooler_output, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(texts, output.text_model_output.pooler_output, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logits, output.logits_per_text, atol=1e-5, rtol=1e-5)


def test_the_text_tower_of_open_clip() -> None:
    peer = randomised(TextTransformer(
        context_length=6, vocab_size=40, width=16, heads=4, layers=2, mlp_ratio=1.5, output_dim=32, pool_type="last",
        proj_bias=True, no_causal_mask=True, act_layer=partial(nn.GELU, approximate="tanh"),
        norm_layer=partial(nn.LayerNorm, eps=1e-6),
    ))  # fmt: skip
    tower = TextTower(**TEXT).eval()
    tower.load_state_dict(to_ours(LAYOUTS["timm"].text(tower, ""), peer.state_dict(), Path("peer")))
    ids = torch.randint(2, 40, (3, 6))
    with torch.no_grad():
        torch.testing.assert_close(tower(ids), peer(ids), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["big_vision", "timm", "hf", "pali3kit"])
def test_two_towers_there_and_back(name: str, tmp_path: Path) -> None:
    """Written in each layout and read again; read as a ViT only, the rest is ignored."""
    given, found = two_towers(0), TwoTowers(ViT(image_size=32, **SHAPE), TextTower(**TEXT))
    layout = LAYOUTS[name]
    theirs = to_theirs(layout.dual_encoder(given.vision, given.text, layout.image), given.state_dict())
    save_file(theirs, tmp_path / "model.safetensors")
    assert load_two_towers(found, tmp_path).layout == name
    assert all(torch.equal(x, given.state_dict()[key]) for key, x in found.state_dict().items())
    vit = ViT(image_size=32, **SHAPE)
    report = load_vision(vit, tmp_path)
    assert torch.equal(vit.head.probe, given.vision.head.probe)
    assert set(report.ignored) == {key for key in theirs if not key.startswith(layout.image)}


def test_one_tower_is_not_two(tmp_path: Path) -> None:
    vit = ViT(image_size=32, **SHAPE)
    arrays = to_theirs(LAYOUTS["augreg"].vision(vit, ""), vit.state_dict())
    with pytest.raises(WeightsError, match="in the layout of augreg holds no text tower"):
        load_two_towers(two_towers(0), npz(tmp_path, arrays))


@pytest.mark.parametrize("scanned", [False, True])
@pytest.mark.parametrize("prefix", ["params/img/", "params/", ""])
def test_big_vision_as_timm_reads_it(prefix: str, scanned: bool, images: Tensor, tmp_path: Path) -> None:
    given = randomised(ViT(image_size=32, **SHAPE))
    arrays = to_theirs(LAYOUTS["big_vision"].vision(given, prefix), given.state_dict())
    file = npz(tmp_path, scan(arrays) if scanned else arrays)
    peer = timm_vit("map")
    peer.load_pretrained(str(file))
    vit = ViT(image_size=32, **SHAPE)
    assert load_vision(vit, file).layout == "big_vision"
    with torch.no_grad():
        same_outputs(vit, peer.forward_features(images), peer(images), images)


def test_augreg_as_timm_reads_it(images: Tensor, tmp_path: Path) -> None:
    """In augreg the class token has a position in the table."""
    given = randomised(ViT(image_size=32, head="token", **SHAPE))
    arrays = to_theirs(LAYOUTS["augreg"].vision(given, ""), given.state_dict())
    table = "Transformer/posembed_input/pos_embedding"
    arrays[table] = torch.cat([torch.randn(1, 1, 32), arrays[table]], 1)
    file = npz(tmp_path, arrays | {"head/kernel": torch.zeros(32, 5), "head/bias": torch.zeros(5)})
    peer = timm_vit("token")
    peer.load_pretrained(str(file))
    vit = ViT(image_size=32, head="token", **SHAPE)
    report = load_vision(vit, file, allow=["head/*"])
    assert report.layout == "augreg" and report.ignored == ("head/bias", "head/kernel")
    with torch.no_grad():
        same_outputs(vit, peer.forward_features(images)[:, 1:], peer(images), images)


def npz(folder: Path, arrays: dict[str, Tensor]) -> Path:
    np.savez(folder / "checkpoint.npz", **{name: x.numpy() for name, x in arrays.items()})
    return folder / "checkpoint.npz"


def scan(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """One array for all blocks, blocks first."""
    plain = {name: x for name, x in arrays.items() if "encoderblock" not in name}
    for name in arrays:
        if "encoderblock_0/" in name:
            blocks = [arrays[name.replace("encoderblock_0", f"encoderblock_{block}")] for block in range(2)]
            plain[name.replace("encoderblock_0", "encoderblock")] = torch.stack(blocks)
    return plain


def test_bfloat16_arrays_are_read(tmp_path: Path) -> None:
    """NumPy has no bfloat16 and reads jax's arrays as two raw bytes."""
    given = randomised(ViT(image_size=32, **SHAPE))
    arrays = to_theirs(LAYOUTS["big_vision"].vision(given, "params/"), given.state_dict())
    raw = {name: x.bfloat16().view(torch.int16).numpy().view("V2") for name, x in arrays.items()}
    np.savez(tmp_path / "bf16.npz", **raw)
    vit = ViT(image_size=32, **SHAPE)
    load_vision(vit, tmp_path / "bf16.npz")
    torch.testing.assert_close(vit.embed.weight, given.embed.weight.bfloat16().float())


def test_another_resolution_is_resampled_and_reported(tmp_path: Path) -> None:
    given = randomised(ViT(image_size=32, **SHAPE))
    save_file(given.state_dict(), tmp_path / "weights.safetensors")
    vit = ViT(image_size=64, **SHAPE)
    report = load_vision(vit, tmp_path)
    assert report.resized == {"positions": "4x4 to 8x8, bilinear with aligned corners (big_vision)"}
    images = torch.randn(1, 3, 64, 64)
    torch.testing.assert_close(vit(images), given(images))  # which resamples at every call


def test_a_grid_that_is_not_square_is_never_guessed(tmp_path: Path) -> None:
    given = ViT(image_size=32, **SHAPE).state_dict() | {"positions": torch.randn(1, 8, 32)}
    save_file(given, tmp_path / "weights.safetensors")
    vit = ViT(image_size=32, **SHAPE)
    with pytest.raises(WeightsError, match="8 positions do not fill a square: pass their grid"):
        load_vision(vit, tmp_path)
    assert load_vision(vit, tmp_path, grid=(2, 4)).resized["positions"].startswith("2x4 to 4x4")


def test_the_report_of_a_damaged_file(tmp_path: Path) -> None:
    damaged = timm_vit("map").state_dict()
    del damaged["blocks.1.mlp.fc2.bias"]
    damaged["head.weight"] = torch.zeros(5, 32)
    save_file(damaged, tmp_path / "model.safetensors")
    vit = ViT(image_size=32, **SHAPE)
    before = {name: x.clone() for name, x in vit.state_dict().items()}
    with pytest.raises(WeightsError) as error:
        load_vision(vit, tmp_path)
    assert str(error.value) == (
        "model.safetensors, read as timm, does not fit the model: missing encoder.blocks.1.mlp.down.bias; "
        "unexpected head.weight. To accept that, name the tensors, or patterns with *: allow=['head.weight']."
    )
    assert all(torch.equal(before[name], x) for name, x in vit.state_dict().items())
    report = load_vision(vit, tmp_path, allow=["head.*", "encoder.blocks.1.mlp.down.bias"])
    assert report.ignored == ("head.weight",) and len(report.sha256) == 64


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"a": torch.zeros(1)}, "holds no ViT in a known layout .augreg, big_vision, timm, hf, pali3kit.; its first"),
        ({"patch_embed.proj.weight": torch.zeros(32, 3, 4, 4)}, r"embed.weight has shape \[32, 3, 4, 4\], the model"),
    ],
)
def test_a_file_that_does_not_fit(tensors: dict[str, Tensor], message: str, tmp_path: Path) -> None:
    save_file(tensors, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match=message):
        load_vision(ViT(image_size=32, **SHAPE), tmp_path)


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, 1e300])
def test_weights_that_are_not_finite_are_refused_by_name(bad: float, tmp_path: Path) -> None:
    """NaN, and numbers too large for float32."""
    vit = ViT(32, width=8, depth=1, heads=2, mlp=8, patch=16)
    tensors = {name: tensor.double() for name, tensor in vit.state_dict().items()}
    tensors["embed.bias"][3] = bad
    save_file(tensors, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"x.safetensors: not all numbers of embed.bias are finite"):
        load_vision(vit, tmp_path / "x.safetensors")


def test_positions_that_are_no_square_are_of_a_file(tmp_path: Path) -> None:
    vit = ViT(32, width=8, depth=1, heads=2, mlp=8, patch=16)
    save_file({**vit.state_dict(), "positions": torch.zeros(1, 7, 8)}, tmp_path / "x.safetensors")
    with pytest.raises(WeightsError, match=r"x.safetensors: 7 positions do not fill a square"):
        load_vision(vit, tmp_path / "x.safetensors")
