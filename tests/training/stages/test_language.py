"""Stage 0b: UL2 denoising."""

from __future__ import annotations

import os
import shutil
import signal
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from pali3kit.config.component import Optimizer
from pali3kit.config.stages import LanguagePretraining
from pali3kit.execution.process import Worker
from pali3kit.execution.store import Store
from pali3kit.execution.worker import Failed
from pali3kit.plan.step import Step
from pali3kit.registry import LANGUAGE
from pali3kit.training.components import Artifact, build_component
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.modules import DenoisingModule
from pali3kit.training.stages.language import _denoising_batches
from tests.training.stages.conftest import altered, run


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


# Sums in another order, as in tests/execution/test_ranks.py.
TOLERANCE = 1e-5


def make(root: Path, step: Step, execution: Execution, stop_at: str = "") -> Path:
    """The step, made by a worker; with `stop_at`, it is killed as soon as the step has written that file."""
    worker, store = Worker(root, 1, execution), Store(root)
    try:
        worker.make(step)
        while not store.path(step).exists():
            if stop_at and (store.work(step) / stop_at).exists():
                os.kill(worker.process.pid, signal.SIGKILL)
                return store.work(step)
            if wait([worker.connection], timeout=0.01 if stop_at else 300):
                failed = [message for message in worker.messages() if isinstance(message, Failed)]
                assert not failed, failed
    finally:
        worker.stop()
    return store.path(step)


def by_adamw(chain: Any, steps: int = 8) -> Step:
    """A model that is trained by AdamW."""
    adamw = Optimizer(name="adamw", learning_rate=1e-3)
    return altered(chain.step("language"), {"examples": 8 * steps, "batch_size": 8, "optimizer": adamw})


def store_with(chain: Any, root: Path, step: Step) -> Path:
    """A store that has the parents of a step."""
    store = Store(root)
    for parent in step.parents.values():
        shutil.copytree(chain.make(parent), store.work(parent))
        store.publish(parent, 1.0, 1)
    return root


def difference(one: Path, other: Path) -> float:
    first, second = (load_file(folder / "weights.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    return max(float((first[name] - second[name]).abs().max()) for name in first)


@pytest.fixture(scope="module")
def alone(chain: Any) -> Path:
    """A model that one process trained on whole batches."""
    folder: Path = chain.make(by_adamw(chain))
    return folder


def check(alone: Path, spread: Path) -> None:
    """The same weights and curves."""
    assert difference(alone, spread) < TOLERANCE
    curves = ((folder / "curve.csv").read_text().splitlines()[1:] for folder in (alone, spread))
    for one, other in zip(*curves, strict=True):
        assert [*map(float, one.split(","))] == pytest.approx([*map(float, other.split(","))], abs=1e-4)


def test_microbatches_train_the_same_model(chain: Any, alone: Path, tmp_path: Path) -> None:
    """96 tokens a window: four microbatches of two windows."""
    step = by_adamw(chain)
    parents = {role: chain.make(parent) for role, parent in step.parents.items()}
    execution = Execution(max_tokens_per_microbatch=2 * 96)
    run(step, StageContext(tmp_path, parents, step.seed, lambda done, total, **numbers: None, 1, execution))
    check(alone, tmp_path)


@pytest.mark.parametrize(
    "execution",
    [
        Execution(devices=2, max_tokens_per_microbatch=96),
        pytest.param(Execution(devices=2, num_workers=1), marks=pytest.mark.slow),
        pytest.param(Execution(devices=2, strategy="fsdp"), marks=pytest.mark.slow),
        pytest.param(Execution(devices=2, strategy="fsdp", max_tokens_per_microbatch=96), marks=pytest.mark.slow),
    ],
    ids=["four microbatches", "whole batches", "fsdp", "fsdp, four microbatches"],
)
def test_two_ranks_train_the_same_model(chain: Any, alone: Path, tmp_path: Path, execution: Execution) -> None:
    step = by_adamw(chain)
    check(alone, make(store_with(chain, tmp_path, step), step, execution))


@pytest.mark.slow
@pytest.mark.parametrize("devices", [1, 2])
def test_killed_it_continues_to_the_same_weights(chain: Any, tmp_path: Path, devices: int) -> None:
    step = by_adamw(chain, steps=20)
    execution = Execution(devices=devices, max_tokens_per_microbatch=2 * 96, checkpoint_seconds=0.0)
    whole = make(store_with(chain, tmp_path / "whole", step), step, execution)
    root = store_with(chain, tmp_path / "cut", step)
    make(root, step, execution, stop_at="last.ckpt")
    assert not Store(root).path(step).exists()
    assert difference(whole, make(root, step, execution)) == 0.0


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
