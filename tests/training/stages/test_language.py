"""Stage 0b: UL2 denoising."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from pali3kit.config.stages import LanguagePretraining
from pali3kit.training.components import Artifact
from pali3kit.training.stages.language import _denoising_batches
from tests.training.stages.conftest import altered


def test_the_artifact_can_be_read_back(chain: Any) -> None:
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    language = Artifact(chain("language")).language(tokenizer)
    assert language.vocabulary == len(tokenizer)


def test_batches_are_functions_of_seed_and_step(chain: Any) -> None:
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    windows = np.random.default_rng(0).integers(3, 400, size=(9, 48))
    budget = LanguagePretraining(examples=64, batch_size=8, length=48)
    one, other = (_denoising_batches(windows, tokenizer, budget, 5) for _ in range(2))
    other(0)
    assert all(torch.equal(one(3)[name], other(3)[name]) for name in one(3))
    assert not torch.equal(one(3)["inputs"], one(4)["inputs"])
    modes = {tokenizer.mode(name) for name in ("NLU", "S2S", "NLG")}
    assert set(one(3)["inputs"][:, 0].tolist()) <= modes


def test_the_prefix_of_the_table_leaves_a_quarter(chain: Any) -> None:
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    windows = np.random.default_rng(0).integers(3, 400, size=(9, 48))
    budget = LanguagePretraining(examples=64, batch_size=64, length=48, prefix="table")
    batch = _denoising_batches(windows, tokenizer, budget, 5)(0)
    prefix_lm = batch["inputs"][:, 0] == tokenizer.mode("S2S")
    assert prefix_lm.any() and (batch["target_mask"][prefix_lm].sum(1) == 12 + 1).all()


def test_the_artifact_says_how_it_was_denoised(chain: Any) -> None:
    assert Artifact(chain("language")).config["denoising"] == {"prefix": "appendix"}


def test_calibration(chain: Any) -> None:
    assert chain.calibrate("language").seconds > 0


@pytest.mark.parametrize("kind", ["t5", "gemma"])
def test_models_of_transformers_go_through_all_stages(chain: Any, tmp_path: Path, kind: str) -> None:
    """Their weights are tied: two names share memory, which safetensors cannot store."""
    shape = {"vocab_size": 64, "eos_token_id": 1, "pad_token_id": 0}
    if kind == "t5":
        config = transformers.MT5Config(
            **shape, d_model=32, d_kv=16, d_ff=32, num_layers=1, num_heads=2, decoder_start_token_id=0
        )
        transformers.MT5ForConditionalGeneration(config).save_pretrained(tmp_path)
    else:
        config = transformers.GemmaConfig(
            **shape, hidden_size=32, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
            num_key_value_heads=1, head_dim=16, bos_token_id=2,
        )  # fmt: skip
        transformers.GemmaForCausalLM(config).save_pretrained(tmp_path)
    own, stage_1 = chain.step("language"), chain.step("multimodal")
    language = altered(own, language={"name": f"hf/{tmp_path}"})
    multimodal = replace(stage_1, parents={**stage_1.parents, "language": language})
    evaluate = chain.step("evaluate", benchmark="vqav2", after="multimodal")
    measured = replace(evaluate, parents={**evaluate.parents, "model": multimodal})
    assert (chain.make(measured) / "metrics.json").exists()
