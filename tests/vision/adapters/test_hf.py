"""Vision models of transformers as encoders, from folders as transformers writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file
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
    assert VISION.build(f"hf/{tmp_path}").image_spec.size == peer.config.image_size
    torch.testing.assert_close(tokens, states[:, prefix:], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(pooled, output.pooler_output, atol=1e-5, rtol=1e-5)


def test_a_vit_without_a_pooler_pools_its_class_token(tmp_path: Path) -> None:
    """As google/vit-base-patch16-224, which was trained to classify; that of ImageNet-21k has a pooler."""
    config = MODELS["vit"][0]
    transformers.ViTForImageClassification(config).eval().save_pretrained(tmp_path)
    encoder = HfEncoder(str(tmp_path), 32).eval()
    images = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        states = encoder.model(pixel_values=images).last_hidden_state
        torch.testing.assert_close(encoder.pooled(images), states[:, 0])
    assert not any("pooler" in name for name in encoder.state_dict())


def test_weights_of_half_precision_are_read_as_float32(tmp_path: Path) -> None:
    """transformers 5 would keep the kind of number that the file has, and images are float32."""
    saved("siglip", tmp_path).to(torch.bfloat16).save_pretrained(tmp_path)
    encoder = HfEncoder(str(tmp_path), 32)
    assert {parameter.dtype for parameter in encoder.parameters()} == {torch.float32}
    assert encoder.pooled(torch.randn(1, 3, 32, 32)).dtype == torch.float32


def test_weights_that_are_not_all_there(tmp_path: Path) -> None:
    """transformers draws what is missing, and only warns."""
    saved("clip", tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = {name: x for name, x in load_file(file).items() if not name.endswith("fc1.bias")}
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(WeightsError, match=r"lack 2 of the tensors of CLIPVisionModel, such as .*fc1\.bias"):
        HfEncoder(str(tmp_path), 32)


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty"])
def test_damaged_weights(damage: str, tmp_path: Path) -> None:
    saved("siglip", tmp_path)
    file = tmp_path / "model.safetensors"
    whole = file.read_bytes()
    file.write_bytes({"cut": whole[:-99], "garbage": b"\x80" * 99, "empty": b""}[damage])
    with pytest.raises(WeightsError, match=r"the weights of hf/.* cannot be loaded: ."):
        HfEncoder(str(tmp_path), 32)


@pytest.mark.parametrize("content", ["", "[]", "3", '{"model_type": 3}', '{"model_type": "vit", "hidden_size": "x"}'])
def test_damaged_configs(content: str, tmp_path: Path) -> None:
    saved("vit", tmp_path)
    (tmp_path / "config.json").write_text(content)
    with pytest.raises((WeightsError, ConfigError), match="hf/"):
        HfEncoder(str(tmp_path), 32)


CODE = """
from pathlib import Path
from transformers import PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import BaseModelOutputWithPooling
import torch
Path(__file__).with_name("ran").touch()
Path("RAN").touch()

class OwnConfig(PretrainedConfig):
    model_type = "own"
    hidden_size, patch_size = 4, 8

class OwnModel(PreTrainedModel):
    config_class = OwnConfig
    def __init__(self, config):
        super().__init__(config)
        self.embed = torch.nn.Conv2d(3, 4, 8, stride=8)
        self.post_init()
    def forward(self, pixel_values, interpolate_pos_encoding):
        states = self.embed(pixel_values).flatten(2).transpose(1, 2)
        return BaseModelOutputWithPooling(last_hidden_state=states, pooler_output=states.mean(1))
"""


@pytest.fixture
def with_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with Python code beside its weights; `RAN` in the working folder tells that it ran."""
    maps = {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}
    folder = tmp_path / f"folder{tmp_path.name}"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"model_type": "own", "auto_map": maps}))
    (folder / "own.py").write_text(CODE)
    weights = {"embed.weight": torch.ones(4, 3, 8, 8), "embed.bias": torch.zeros(4)}
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks on the terminal"))
    return folder


def test_code_beside_the_weights_neither_runs_nor_asks(with_code: Path) -> None:
    with pytest.raises(WeightsError, match="contains custom code which must be executed"):
        VISION.build(f"hf/{with_code}", image_size=32)
    assert not Path("RAN").exists()


def test_code_beside_the_weights_runs_for_those_who_say_so(with_code: Path) -> None:
    encoder = VISION.build(f"hf/{with_code}", image_size=32, trust_remote_code=True)
    assert Path("RAN").exists()
    assert encoder(torch.ones(1, 3, 32, 32)).tolist() == [[[192.0] * 4] * 16]
    with pytest.raises(ConfigError, match=r"hf/.* cannot encode images|does not divide"):
        VISION.build(f"hf/{with_code}", image_size=30, trust_remote_code=True)


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
        ({"size": {"height": 224, "width": 196}}, "images are not square"),
        ({"image_processor_type": "CLIPImageProcessor"}, "it gives no size"),
    ],
)
def test_a_preprocessing_that_cannot_be_had_is_refused(written: dict[str, Any], told: str, tmp_path: Path) -> None:
    saved("siglip", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(written))
    with pytest.raises(WeightsError, match=f"preprocessor_config.json describes a preprocessing .* supported: {told}"):
        HfEncoder(str(tmp_path), 32)


def test_the_file_of_transformers_5_comes_first(tmp_path: Path) -> None:
    saved("siglip", tmp_path)
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"size": 32, "resample": 2}))
    (tmp_path / "processor_config.json").write_text(json.dumps({"image_processor": {"size": 32, "resample": 1}}))
    assert HfEncoder(str(tmp_path), 32).image_spec.interpolation == "lanczos"


def test_what_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="is no model of transformers"):
        HfEncoder(str(tmp_path), 32)
    transformers.Siglip2VisionConfig(num_hidden_layers=1).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=r"'siglip2_vision_model', not a supported vision .* \(NaFlex\): use SigLIP"):
        HfEncoder(str(tmp_path), 32)
    transformers.BertConfig(num_hidden_layers=1).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="is a 'bert', not a supported vision model"):
        HfEncoder(str(tmp_path), 32)
