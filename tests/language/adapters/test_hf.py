"""Which model gets which adapter, and which models are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import transformers
from safetensors.torch import load_file, save_file

from pali3kit.errors import ConfigError, WeightsError
from pali3kit.language.adapters.causal import HfPrefixLM
from pali3kit.language.adapters.hf import _create as create_hf
from pali3kit.language.adapters.seq2seq import HfSeq2Seq


def test_takes_an_encoder_decoder_as_one_and_a_decoder_as_a_prefix_lm(tmp_path: Path) -> None:
    small = {"vocab_size": 20, "d_model": 8, "max_position_embeddings": 16}
    bart = transformers.BartConfig(
        **small, encoder_layers=1, decoder_layers=1, encoder_attention_heads=1, decoder_attention_heads=1,
        encoder_ffn_dim=8, decoder_ffn_dim=8,
    )  # fmt: skip
    transformers.BartForConditionalGeneration(bart).save_pretrained(tmp_path / "bart")
    gpt2 = transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=1, n_positions=16, eos_token_id=1)
    transformers.GPT2LMHeadModel(gpt2).save_pretrained(tmp_path / "gpt2")
    assert isinstance(create_hf(str(tmp_path / "bart"), 20), HfSeq2Seq)
    assert isinstance(create_hf(str(tmp_path / "gpt2"), 20), HfPrefixLM)


def test_other_models_are_refused(tmp_path: Path) -> None:
    transformers.ViTConfig().save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match="is a 'vit', not a language model"):
        create_hf(str(tmp_path), 10)
    with pytest.raises(WeightsError, match="there is no folder"):
        create_hf(str(tmp_path / "nothing"), 10)


def test_damaged_and_incomplete_weights(tmp_path: Path) -> None:
    """transformers only warns about missing tensors, and initialises them at random."""
    gpt2 = transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=1, n_positions=16, eos_token_id=1)
    transformers.GPT2LMHeadModel(gpt2).save_pretrained(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = {name: x for name, x in load_file(file).items() if not name.endswith("c_fc.bias")}
    save_file(tensors, file, {"format": "pt"})
    with pytest.raises(WeightsError, match=r"lack 1 of the tensors of AutoModelForCausalLM, such as .*c_fc\.bias"):
        create_hf(str(tmp_path), 20)
    file.write_bytes(file.read_bytes()[:-99])
    with pytest.raises(WeightsError, match=r"the weights of hf/.* cannot be loaded: ."):
        create_hf(str(tmp_path), 20)


@pytest.mark.parametrize("content", ["", "[]", "3", '{"model_type": 3}', '{"model_type": "gpt2", "n_embd": "x"}'])
def test_damaged_configs(content: str, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(content)
    with pytest.raises((WeightsError, ConfigError), match="hf/"):
        create_hf(str(tmp_path), 20)


CODE = """
from pathlib import Path
from transformers import GPT2Config, GPT2LMHeadModel
Path("RAN").touch()

class OwnConfig(GPT2Config):
    model_type = "own"

class OwnModel(GPT2LMHeadModel):
    config_class = OwnConfig
"""


def test_remote_code_runs_only_with_trust_remote_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=1, n_positions=16, eos_token_id=1)
    folder = tmp_path / f"folder{tmp_path.name}"
    transformers.GPT2LMHeadModel(config).save_pretrained(folder)
    maps = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    said = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(said | {"model_type": "own", "auto_map": maps}))
    (folder / "own.py").write_text(CODE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr("builtins.input", lambda *_: pytest.fail("it asks on the terminal"))
    with pytest.raises(WeightsError, match="contains custom code which must be executed"):
        create_hf(str(folder), 20)
    assert not Path("RAN").exists()
    assert isinstance(create_hf(str(folder), 20, trust_remote_code=True), HfPrefixLM)
    assert Path("RAN").exists()


@pytest.mark.parametrize(
    ("config", "text"),
    [
        (transformers.GPTNeoConfig(vocab_size=20, hidden_size=8, num_layers=2, num_heads=2, max_position_embeddings=16,
                                   attention_types=[[["global", "local"], 1]], eos_token_id=1),
         "a 'gpt_neo' cannot be used as a prefix LM: its first token does not see its last"),
        (transformers.BloomConfig(vocab_size=20, hidden_size=8, n_layer=1, n_head=2, eos_token_id=1),
         "a 'bloom' cannot be used as a prefix LM"),
        (transformers.GPT2Config(vocab_size=20, n_embd=8, n_layer=1, n_head=1, n_positions=16, eos_token_id=None,
                                 bos_token_id=None),
         "'gpt2' sets no bos_token_id or eos_token_id"),
    ],
)  # fmt: skip
def test_a_decoder_without_prefix_attention_or_end_id_is_refused(config: Any, text: str, tmp_path: Path) -> None:
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
    with pytest.raises(ConfigError, match=text):
        create_hf(str(tmp_path), 20)
