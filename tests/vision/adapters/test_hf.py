"""Vision models of transformers as encoders, from folders as transformers writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import nn

from pali3kit.errors import ConfigError, WeightsError
from pali3kit.registry import VISION
from pali3kit.vision.adapters.hf import HfEncoder

SHAPE = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "image_size": 32, "patch_size": 8}
MODELS = {
    "siglip": (transformers.SiglipVisionConfig(intermediate_size=64, **SHAPE), transformers.SiglipVisionModel, 0),
    "clip": (transformers.CLIPVisionConfig(intermediate_size=64, **SHAPE), transformers.CLIPVisionModel, 1),
    "dinov2": (transformers.Dinov2Config(mlp_ratio=2, **SHAPE), transformers.Dinov2Model, 1),
    "registers": (
        transformers.Dinov2WithRegistersConfig(mlp_ratio=2, num_register_tokens=4, **SHAPE),
        transformers.Dinov2WithRegistersModel, 5,
    ),
    "vit": (transformers.ViTConfig(intermediate_size=64, **SHAPE), transformers.ViTModel, 1),
}  # fmt: skip


def saved(name: str, folder: Path) -> Any:
    config, kind, _ = MODELS[name]
    torch.manual_seed(0)
    model = kind(config).eval()
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.1)
    model.save_pretrained(folder)
    return model


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("size", [32, 48])
def test_tokens_and_pooling(name: str, size: int, tmp_path: Path) -> None:
    peer, prefix = saved(name, tmp_path), MODELS[name][2]
    encoder = VISION.build(f"hf/{tmp_path}", image_size=size).eval()
    images = torch.randn(2, 3, size, size)
    with torch.no_grad():
        output = peer(pixel_values=images, interpolate_pos_encoding=True)
        states = output.last_hidden_state
        if name == "clip":
            states = getattr(peer, "vision_model", peer).post_layernorm(states)
        tokens, pooled = encoder(images), encoder.pooled(images)
    assert tokens.shape == (2, (size // 8) ** 2, 32) == (2, encoder.native_grid[0] ** 2, encoder.width)
    torch.testing.assert_close(tokens, states[:, prefix:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(pooled, states[:, 0] if name == "vit" else output.pooler_output, atol=1e-5, rtol=1e-5)


def test_the_vision_half_of_two_towers(tmp_path: Path) -> None:
    text = transformers.SiglipTextConfig(
        hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=4
    )
    config = transformers.SiglipConfig(text_config=text.to_dict(), vision_config=MODELS["siglip"][0].to_dict())
    peer = transformers.SiglipModel(config).eval()
    peer.save_pretrained(tmp_path)
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(
            HfEncoder(str(tmp_path), 32).eval()(images), peer.vision_model(images).last_hidden_state
        )


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ({}, ("squash", "bicubic", 1.0, (0.5, 0.5, 0.5))),
        ({"image_processor_type": "ViTImageProcessor"}, ("squash", "bilinear", 1.0, (0.5, 0.5, 0.5))),
        ({"size": 224, "do_normalize": False}, ("squash", "bicubic", 1.0, (0.0, 0.0, 0.0))),
        ({"size": {"height": 224, "width": 224}, "resample": 3}, ("squash", "bicubic", 1.0, (0.5, 0.5, 0.5))),
        (
            {"size": {"shortest_edge": 256}, "crop_size": {"height": 224, "width": 224}, "do_center_crop": True,
             "resample": 3, "image_mean": [0.4, 0.4, 0.4]},
            ("shortest", "bicubic", 0.875, (0.4, 0.4, 0.4)),
        ),
        ({"size": 256, "crop_size": 224, "do_center_crop": True}, ("shortest", "bicubic", 0.875, (0.5, 0.5, 0.5))),
        ({"size": 224}, ("squash", "bicubic", 1.0, (0.5, 0.5, 0.5))),
    ],
)  # fmt: skip
def test_preprocessing_is_the_folders(written: dict[str, Any], expected: tuple[Any, ...], tmp_path: Path) -> None:
    saved("siglip", tmp_path)
    if written:
        (tmp_path / "preprocessor_config.json").write_text(json.dumps(written))
    spec = HfEncoder(str(tmp_path), 32).image_spec
    assert (spec.resize, spec.interpolation, spec.crop, spec.mean) == expected


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"do_resize": False}, "do_resize is false"),
        ({"do_rescale": False}, "values are not divided by 255"),
        ({"rescale_factor": 1 / 127.5}, "values are not divided by 255"),
        ({"size": {"height": 224, "width": 196}}, "pictures are no squares"),
        ({"image_processor_type": "CLIPImageProcessor"}, "it says no size"),
    ],
)
def test_a_preprocessing_that_cannot_be_had_is_refused(written: dict[str, Any], told: str, tmp_path: Path) -> None:
    saved("siglip", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(written))
    with pytest.raises(WeightsError, match=f"preprocessor_config.json is no preprocessing .*: {told}"):
        HfEncoder(str(tmp_path), 32)


def test_the_file_of_transformers_5_comes_first(tmp_path: Path) -> None:
    saved("siglip", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": 32, "resample": 2}))
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": {"size": 32, "resample": 1}}))
    assert HfEncoder(str(tmp_path), 32).image_spec.interpolation == "lanczos"


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is no model of transformers"):
        HfEncoder(str(tmp_path), 32)
    transformers.BertConfig(num_hidden_layers=1).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="is a 'bert', not a vision model that is known here"):
        HfEncoder(str(tmp_path), 32)
