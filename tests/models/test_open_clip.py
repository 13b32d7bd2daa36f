"""Models of open_clip: embeddings, logits and preprocessing equal open_clip's."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import pytest
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image

from pali3kit.errors import ConfigError, RegistryError, WeightsError
from pali3kit.losses.sigmoid import normalize
from pali3kit.models.dual_encoder import DualEncoder
from pali3kit.models.open_clip import OpenClipDualEncoder
from pali3kit.registry import DUAL_ENCODER

TEXTS = ["A photo of a cat.", "two dogs", "nothing"]
CLIP: dict[str, Any] = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "patch_size": 8, "width": 32, "head_width": 16, "layers": 1},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
SIGLIP: dict[str, Any] = {
    "embed_dim": 64,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {"image_size": 160, "timm_model_name": "test_vit", "timm_pool": "avg", "timm_proj": "none"},
    "text_cfg": {
        "context_length": 8, "vocab_size": 90, "width": 16, "heads": 2, "layers": 1, "no_causal_mask": True,
        "proj_bias": True, "pool_type": "last", "tokenizer_kwargs": {"clean": "canonicalize", "padding_side": "right"},
    },
}  # fmt: skip
WEBLI = {"mean": (0.5,) * 3, "std": (0.5,) * 3, "interpolation": "bicubic", "resize_mode": "squash"}


@pytest.fixture(autouse=True)
def small(tmp_path: Path, tokenizer: Callable[[Path], Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Register two small models in open_clip; the second has a tag of published weights, like SigLIP."""
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIGS", dict(open_clip.factory._MODEL_CONFIGS))
    monkeypatch.setattr(open_clip.factory, "_MODEL_CONFIG_PATHS", list(open_clip.factory._MODEL_CONFIG_PATHS))
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "tiny-siglip", {"webli": WEBLI})
    siglip = SIGLIP | {"text_cfg": SIGLIP["text_cfg"] | {"hf_tokenizer_name": str(tokenizer(tmp_path / "tokenizer"))}}
    (tmp_path / "configs").mkdir()
    for name, config in (("tiny-clip", CLIP), ("tiny-siglip", siglip)):
        (tmp_path / "configs" / f"{name}.json").write_text(json.dumps(config))
    open_clip.add_model_config(tmp_path / "configs")


both = pytest.mark.parametrize("name", ["tiny-clip", "tiny-siglip"])


@both
def test_embeddings_and_logits_are_the_models_own(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    peer = open_clip.create_model(name).eval()
    torch.save(peer.state_dict(), tmp_path / "weights.pt")
    towers = DUAL_ENCODER.build(f"open_clip/{name}", pretrained=str(tmp_path / "weights.pt")).eval()
    contract: DualEncoder = towers
    images = torch.randn(2, 3, *[contract.image_spec.size] * 2)
    ids = open_clip.get_tokenizer(name)(TEXTS)
    with torch.no_grad():
        image, text = contract.embed_images(images), contract.embed_texts(TEXTS)
        torch.testing.assert_close(image, peer.encode_image(images))
        torch.testing.assert_close(text, peer.encode_text(ids))
        logits = towers.log_scale.exp() * normalize(image) @ normalize(text).T + towers.bias
        torch.testing.assert_close(logits, peer.get_logits(images, ids)[0], rtol=1e-5, atol=1e-5)
    assert logits.shape == (2, 3) and towers.bias.item() == (-10 if name == "tiny-siglip" else 0)
    assert all(parameter.requires_grad for parameter in towers.parameters())


@both
def test_siglips_texts_are_canonical(name: str) -> None:
    towers = OpenClipDualEncoder(name).eval()
    with torch.no_grad():
        plain, shouted, dotted = towers.embed_texts(["two dogs", "Two DOGS", "two dogs."])
    assert torch.equal(plain, shouted)
    assert torch.equal(plain, dotted) == (name == "tiny-siglip")


@both
def test_ids_go_where_the_model_is(name: str) -> None:
    assert OpenClipDualEncoder(name).to("meta").embed_texts(TEXTS).device.type == "meta"


@both
@pytest.mark.parametrize("weights", [None, "file"])
def test_preprocessing_is_open_clips(name: str, weights: str | None, tmp_path: Path, image: Image.Image) -> None:
    """A file of weights has no preprocessing: that of the first tag is used."""
    if weights:
        weights = str(tmp_path / "weights.pt")
        torch.save(open_clip.create_model(name).state_dict(), weights)
    spec = OpenClipDualEncoder(name, weights).image_spec
    published = WEBLI if name == "tiny-siglip" else {}
    transform = image_transform_v2(PreprocessCfg(spec.size, **published), is_train=False)
    torch.testing.assert_close(spec.prepare([np.array(image)])[0], transform(image), rtol=0, atol=1e-6)
    assert spec.size == (160 if name == "tiny-siglip" else 32)


@both
def test_preprocessing_of_a_tag(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Among several tags, that of the chosen one."""
    torch.save(open_clip.create_model(name).state_dict(), tmp_path / "weights.pt")
    tags = {"first": WEBLI, "second": WEBLI | {"mean": (0.25,) * 3}}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, name, tags)
    monkeypatch.setattr(open_clip.factory, "download_pretrained", lambda *_, **__: str(tmp_path / "weights.pt"))
    assert OpenClipDualEncoder(name, "second").image_spec.mean == (0.25,) * 3
    assert OpenClipDualEncoder(name).image_spec.mean == (0.5,) * 3


def test_an_unknown_model() -> None:
    with pytest.raises(RegistryError, match=r"open_clip has no model 'ViT-B-16-SigLib'.*ViT-B-16-SigLIP"):
        OpenClipDualEncoder("ViT-B-16-SigLib")
    assert "ViT-B-16-SigLIP" in open_clip.list_models()


def test_unknown_and_damaged_weights(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"no weights 'weblli' of ViT-B-16-SigLIP, and there is no file /.*weblli.*'webli'"
    ):
        OpenClipDualEncoder("ViT-B-16-SigLIP", "weblli")
    for damaged in (b"", b"no weights", b"PK\x03\x04 cut"):
        (tmp_path / "weights.pt").write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"the weights '.*weights.pt' of open_clip's RN50 cannot be loaded: ."):
            OpenClipDualEncoder("RN50", str(tmp_path / "weights.pt"))


def test_a_tokenizer_that_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (tmp_path / "tokenizer").iterdir():
        file.unlink()
    with pytest.raises(WeightsError, match=r"the tokenizer of open_clip's tiny-siglip, .*, cannot be read: ."):
        OpenClipDualEncoder("tiny-siglip")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"tiny-siglip needs transformers: pip install 'pali3kit\[hf\]'"):
        OpenClipDualEncoder("tiny-siglip")
