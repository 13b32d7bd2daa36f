"""Stage 0b: UL2 denoising."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from launching import exact, make, planned, saved, wait_until, worker
from safetensors.torch import load_file

from pali3kit.config.runtime import Runtime
from pali3kit.config.stages import LanguagePretraining
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.registry import LANGUAGE
from pali3kit.training.components import Artifact, build_component
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.modules import DenoisingModule
from pali3kit.training.stages.language import _denoising_batches
from tests.training.stages.conftest import OVERRIDES, altered


def test_the_artifact_can_be_read_back(chain: Any) -> None:
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    language = Artifact(chain("language")).language(tokenizer)
    assert language.vocabulary == len(tokenizer)


WINDOWS = np.random.default_rng(0).integers(3, 400, size=(9, 48)).astype(np.uint16)


def batches(
    chain: Any, step: int, execution: Execution, count: int = 1, seed: int = 5, **budget: Any
) -> list[dict[str, torch.Tensor]]:
    """A rank's microbatches."""
    training = LanguagePretraining(**{"examples": 64, "batch_size": 8, "length": 48, **budget})
    context = StageContext(Path(), {}, seed, lambda done, total, **numbers: None, 1, execution)
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    return _denoising_batches(WINDOWS, tokenizer, training, context, count)(step)


def rows(parts: list[dict[str, torch.Tensor]]) -> list[tuple[list[int], list[int]]]:
    """Inputs and targets without padding."""
    return [
        (ids[kept].tolist(), targets[asked].tolist())
        for part in parts
        for ids, kept, targets, asked in zip(
            part["inputs"], part["input_mask"], part["targets"], part["target_mask"], strict=True
        )
    ]


def test_batches_are_functions_of_seed_and_step(chain: Any) -> None:
    [one], [other], [next_step] = (batches(chain, step, Execution()) for step in (3, 3, 4))
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert not torch.equal(one["inputs"], next_step["inputs"])
    assert rows([one]) != rows(batches(chain, 3, Execution(), seed=6))
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    modes = {tokenizer.mode(name) for name in ("NLU", "S2S", "NLG")}
    assert set(one["inputs"][:, 0].tolist()) <= modes


@pytest.mark.parametrize(("ranks", "count"), [(1, 3), (2, 1), (4, 2)])
def test_a_position_holds_the_same_for_any_number_of_ranks_and_microbatches(chain: Any, ranks: int, count: int) -> None:
    [whole] = batches(chain, 3, Execution())
    parts = [batches(chain, 3, Execution(devices=ranks, rank=rank), count) for rank in range(ranks)]
    assert rows([batch for rank in parts for batch in rank]) == rows([whole])
    assert "step_tokens" not in whole
    for rank in parts:
        own = sum(int(batch["target_mask"].sum()) for batch in rank)
        assert {(int(batch["step_tokens"]), int(batch["parts"])) for batch in rank} == {(own, count)}


def test_microbatches_give_the_gradient_of_the_whole_batch(chain: Any) -> None:
    """They are padded to other lengths, and have other numbers of target tokens."""
    torch.manual_seed(0)
    shape = {"width": 32, "encoder_depth": 1, "decoder_depth": 1, "heads": 2, "head_width": 16, "mlp": 32}
    model = build_component(LANGUAGE, {"name": "ul2", **shape}, vocabulary=2000)
    module = DenoisingModule(model, z_loss=1e-2)

    def learned(parts: list[dict[str, torch.Tensor]]) -> tuple[float, dict[str, torch.Tensor]]:
        module.zero_grad()
        loss = torch.stack([module.losses(part)["loss"] for part in parts]).mean()
        loss.backward()
        return loss.item(), {name: each.grad for name, each in model.named_parameters() if each.grad is not None}

    loss, gradients = learned(batches(chain, 0, Execution()))
    other, divided = learned(batches(chain, 0, Execution(), 4))
    assert other == pytest.approx(loss, abs=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(divided[name], gradient, atol=1e-6, rtol=1e-4)


def test_the_prefix_of_the_table_leaves_a_quarter(chain: Any) -> None:
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    [batch] = batches(chain, 0, Execution(), batch_size=64, prefix="table")
    prefix_lm = batch["inputs"][:, 0] == tokenizer.mode("S2S")
    assert prefix_lm.any() and (batch["target_mask"][prefix_lm].sum(1) == 12 + 1).all()


# Sums in another order, as in tests/execution/test_ranks.py. Measured, with FSDP2 and four microbatches: one weight of
# 116,512, whose gradient is about AdamW's epsilon, differs by 1.03e-5, all others by less than 1.6e-6.
TOLERANCE = 2e-5


def by_adamw(steps: int = 8) -> list[Step]:
    """The stages up to a model that is trained by AdamW on 8 windows of 48 tokens a step."""
    budget = f"stages.language={{examples: {8 * steps}, batch_size: 8, length: 48}}"
    adamw = "stages.language.optimizer={name: adamw, learning_rate: 1.0e-3}"
    every = planned("ablate_classif", *OVERRIDES, budget, adamw)
    return [step for step in every if step.kind in ("tokenizer", "corpus", "language")]


def difference(one: Path, other: Path) -> float:
    first, second = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that one process trained on whole batches."""
    return make(tmp_path_factory.mktemp("alone"), by_adamw(), exact())


def check(alone: Path, spread: Path) -> None:
    """The same weights and curves."""
    assert difference(alone, spread) < TOLERANCE
    curves = ((folder / "curve.csv").read_text().splitlines()[1:] for folder in (alone, spread))
    for one, other in zip(*curves, strict=True):
        assert [*map(float, one.split(","))] == pytest.approx([*map(float, other.split(","))], abs=1e-4)


def test_microbatches_train_the_same_model(alone: Path, tmp_path: Path) -> None:
    """96 tokens a window: four microbatches of two windows."""
    check(alone, make(tmp_path, by_adamw(), exact(max_tokens_per_microbatch=2 * 96)))


@pytest.mark.parametrize(
    "runtime",
    [
        exact(devices=2, max_tokens_per_microbatch=96),
        pytest.param(exact(devices=2, num_workers=1), marks=pytest.mark.slow),
        pytest.param(exact(devices=2, strategy="fsdp"), marks=pytest.mark.slow),
        pytest.param(exact(devices=2, strategy="fsdp", max_tokens_per_microbatch=96), marks=pytest.mark.slow),
    ],
    ids=["four microbatches", "whole batches", "fsdp", "fsdp, four microbatches"],
)
def test_two_ranks_train_the_same_model(alone: Path, tmp_path: Path, runtime: Runtime) -> None:
    check(alone, make(tmp_path, by_adamw(), runtime))


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_killed_it_continues_to_the_same_weights(tmp_path: Path, devices: int) -> None:
    steps = by_adamw(20)
    runtime = exact(devices=devices, max_tokens_per_microbatch=2 * 96, checkpoint_seconds=0.0)
    whole, root = make(tmp_path / "whole", steps, runtime), tmp_path / "cut"
    make(root, steps[:-1], runtime)
    process, store = worker(root, steps[-1], runtime), Store(root)
    try:
        process.make(steps[-1])
        wait_until(lambda: saved(store.work(steps[-1])))
        os.kill(process.process.pid, signal.SIGKILL)
    finally:
        process.stop()
    assert not store.path(steps[-1]).exists()
    assert difference(whole, make(root, steps, runtime)) == 0.0


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
