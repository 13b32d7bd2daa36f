"""Two-tower models of transformers, from folders that transformers writes."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image
from torch import Tensor, nn

from pali3kit.errors import ConfigError, WeightsError
from pali3kit.models.dual_encoder import DualEncoder
from pali3kit.models.hf import HfDualEncoder
from pali3kit.registry import DUAL_ENCODER

TEXTS = ["a photo of a cat.", "two dogs", "nothing at all abcdefghijklmnopqrstuvwxyz"]
SHAPE = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
TEXT = SHAPE | {
    "vocab_size": 90,
    "max_position_embeddings": 12,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 1,
}
VISION = SHAPE | {"image_size": 32, "patch_size": 8}
PROCESSORS = {
    "siglip": transformers.SiglipImageProcessorPil(size={"height": 32, "width": 32}),
    "clip": transformers.CLIPImageProcessorPil(size={"shortest_edge": 36}, crop_size={"height": 32, "width": 32}),
}
both = pytest.mark.parametrize("kind", PROCESSORS)


@pytest.fixture
def saved(tmp_path: Path, tokenizer: Callable[[Path], Path]) -> Callable[[str], Any]:
    """Write a small model with random weights to `tmp_path`, with tokenizer and preprocessing."""

    def written(kind: str) -> Any:
        family = {"siglip": "Siglip", "clip": "CLIP"}[kind]
        options = {"text_config": TEXT, "vision_config": VISION} | ({"projection_dim": 24} if kind == "clip" else {})
        torch.manual_seed(0)
        model = getattr(transformers, f"{family}Model")(getattr(transformers, f"{family}Config")(**options)).eval()
        for parameter in model.parameters():
            nn.init.normal_(parameter, std=0.1)
        model.save_pretrained(tokenizer(tmp_path))
        PROCESSORS[kind].save_pretrained(tmp_path)
        return model

    return written


def tensor(output: Any) -> Tensor:
    return output if isinstance(output, Tensor) else output.pooler_output


@both
def test_embeddings_are_the_models_own(kind: str, saved: Callable[[str], Any], tmp_path: Path) -> None:
    peer = saved(kind)
    towers: DualEncoder = DUAL_ENCODER.build(f"hf/{tmp_path}")
    theirs = transformers.AutoTokenizer.from_pretrained(tmp_path, padding_side="right")
    batch = theirs(TEXTS, padding="max_length", max_length=12, truncation=True, return_tensors="pt")
    masked = {"attention_mask": batch.attention_mask} if kind == "clip" else {}  # SigLIP is trained without
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        image, text = towers.embed_images(images), towers.embed_texts(TEXTS)
        torch.testing.assert_close(image, tensor(peer.get_image_features(images)))
        torch.testing.assert_close(text, tensor(peer.get_text_features(batch.input_ids, **masked)))
        output = peer(input_ids=batch.input_ids, pixel_values=images, **masked)
        cosines = nn.functional.normalize(image) @ nn.functional.normalize(text).T
        torch.testing.assert_close(cosines, output.image_embeds @ output.text_embeds.T)
    assert image.shape == (2, 24 if kind == "clip" else 32) and text.shape[0] == 3
    assert batch.input_ids[1].tolist().count(0) > 3 and batch.attention_mask[2].all()  # one is short, one is truncated


@both
def test_siglips_texts_are_lower_cased(kind: str, saved: Callable[[str], Any], tmp_path: Path) -> None:
    """The tokenizer of SigLIP 2 keeps capitals, like this one, but the model was trained without."""
    saved(kind)
    towers = HfDualEncoder(str(tmp_path))
    with torch.no_grad():
        plain, shouted = towers.embed_texts(["two dogs", "Two DOGS"])
    assert torch.equal(plain, shouted) == (kind == "siglip")


@both
def test_ids_go_where_the_model_is(kind: str, saved: Callable[[str], Any], tmp_path: Path) -> None:
    saved(kind)
    assert HfDualEncoder(str(tmp_path)).to("meta").embed_texts(TEXTS).device.type == "meta"


def test_the_first_siglips_tokenizer(saved: Callable[[str], Any], learn: Callable[..., Path], tmp_path: Path) -> None:
    """Its own class, over SentencePiece: lower case, no punctuation, padding with EOS."""
    saved("siglip")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).unlink()
    vocabulary = learn(["a photo of a cat", "two dogs and nothing"], vocab_size=40, unk_id=2, bos_id=-1)
    transformers.SiglipTokenizer(str(vocabulary)).save_pretrained(tmp_path)
    towers = HfDualEncoder(str(tmp_path))
    with torch.no_grad():
        plain, shouted = towers.embed_texts(["two dogs", "Two  DOGS!"])
    assert isinstance(towers.tokenizer, transformers.SiglipTokenizer)
    assert torch.equal(plain, shouted)


@both
@pytest.mark.parametrize("layout", ["preprocessor_config.json", "processor_config.json"])
def test_preprocessing_is_the_processors(
    kind: str, layout: str, saved: Callable[[str], Any], tmp_path: Path, image: Image.Image
) -> None:
    """transformers 5 writes it to its own file or, with a tokenizer, to a common one."""
    saved(kind)
    if layout == "processor_config.json":
        (tmp_path / "preprocessor_config.json").unlink()
        family = {"siglip": "Siglip", "clip": "CLIP"}[kind]
        tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path)
        getattr(transformers, f"{family}Processor")(PROCESSORS[kind], tokenizer).save_pretrained(tmp_path)
    assert (tmp_path / layout).is_file() and len(list(tmp_path.glob("*processor_config.json"))) == 1
    pixels = HfDualEncoder(str(tmp_path)).image_spec.prepare([np.array(image)])
    torch.testing.assert_close(pixels, PROCESSORS[kind](image, return_tensors="pt").pixel_values, rtol=0, atol=1e-6)


def test_half_precision_on_disk_is_computed_in_single(saved: Callable[[str], Any], tmp_path: Path) -> None:
    saved("siglip").half().save_pretrained(tmp_path)
    assert HfDualEncoder(str(tmp_path)).embed_images(torch.zeros(1, 3, 32, 32)).dtype == torch.float32


def test_other_models_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsError, match=rf"hf/{tmp_path}/none: there is no folder {tmp_path}/none"):
        HfDualEncoder(f"{tmp_path}/none")
    with pytest.raises(WeightsError, match="is no model of transformers"):
        HfDualEncoder(str(tmp_path))
    for config, said in (
        (transformers.BertConfig(), r"is a 'bert', not a supported two-tower.*Choose from clip, siglip"),
        (transformers.SiglipVisionConfig(), r"is a 'siglip_vision_model', not .*Choose from clip"),
    ):
        config.save_pretrained(tmp_path)
        with pytest.raises(ConfigError, match=said):
            HfDualEncoder(str(tmp_path))
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ConfigError, match=r"needs transformers: pip install 'pali3kit\[hf\]'"):
        HfDualEncoder(str(tmp_path))


def test_half_a_model(saved: Callable[[str], Any], tmp_path: Path) -> None:
    """A missing text tower is not initialised at random."""
    peer = saved("siglip")
    kept = {name: value for name, value in peer.state_dict().items() if not name.startswith("text_model")}
    peer.save_pretrained(tmp_path, state_dict=kept)
    with pytest.raises(WeightsError, match=r"lack \d\d of the tensors of SiglipModel, such as text_model\."):
        HfDualEncoder(str(tmp_path))


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("model.safetensors", "cut", r"the weights of hf/.* cannot be loaded: ."),
        ("tokenizer.json", "{", r"has no readable tokenizer: ."),
        ("preprocessor_config.json", "{", r"preprocessor_config.json is not JSON: "),
        ("preprocessor_config.json", json.dumps({"resample": 9}), r"describes a preprocessing.*9"),
        ("preprocessor_config.json", json.dumps({"size": "big"}), r"describes a preprocessing"),
        (
            "preprocessor_config.json",
            json.dumps({"image_mean": [0.5]}),
            r"describes a preprocessing",
        ),
        ("preprocessor_config.json", "[]", r"describes a preprocessing"),
    ],
)
def test_damaged_files(file: str, content: str, said: str, saved: Callable[[str], Any], tmp_path: Path) -> None:
    saved("siglip")
    assert (tmp_path / file).is_file()
    (tmp_path / file).write_text(content)
    with pytest.raises(WeightsError, match=said):
        HfDualEncoder(str(tmp_path))


def test_preprocessing_that_is_missing(saved: Callable[[str], Any], tmp_path: Path) -> None:
    """A wrong guess would silently lower accuracies."""
    saved("clip")
    (tmp_path / "preprocessor_config.json").unlink()
    with pytest.raises(WeightsError, match=r"does not describe its preprocessing: there is no preprocessor_con"):
        HfDualEncoder(str(tmp_path))


def test_the_tokenizers_code_runs_only_with_trust_remote_code(
    saved: Callable[[str], Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved("clip")
    file = tmp_path / "tokenizer_config.json"
    said = json.loads(file.read_text()) | {"tokenizer_class": "OwnTokenizer"}
    file.write_text(json.dumps(said | {"auto_map": {"AutoTokenizer": [None, "own.OwnTokenizer"]}}))
    (tmp_path / "own.py").write_text(
        "from pathlib import Path\nfrom transformers import PreTrainedTokenizerFast\nPath('RAN').touch()\n"
        "class OwnTokenizer(PreTrainedTokenizerFast): pass\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks on the terminal"))
    plain = HfDualEncoder(str(tmp_path)).embed_texts(["a"])  # by the tokenizer.json that lies there too
    assert not Path("RAN").exists()
    assert torch.equal(HfDualEncoder(str(tmp_path), trust_remote_code=True).embed_texts(["a"]), plain)
    assert Path("RAN").exists()
