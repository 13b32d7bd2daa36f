"""Stages on PaLI that are killed and continued: the same examples in the same order, bit-identical weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data.task import Example
from pali3kit.plan.kinds.resolution import Config
from pali3kit.plan.step import Step
from pali3kit.training import joint
from pali3kit.training.context import CHECKPOINTS, UNFINISHED, Execution, StageContext
from tests.training.stages.conftest import altered
from tests.training.stages.conftest import run as run_step

Ids = list[tuple[tuple[int, ...], str, str]]
STEPS, CUT = 4, 2


class Cut(Exception):
    """Stands for anything that ends a process."""


def stage(chain: Any, kind: str) -> Step:
    """Four steps of a stage; of stage 2, on images of another size."""
    stage_1 = chain.step("multimodal")
    if kind == "resolution":
        vision = stage_1.parents["features"].parents["vision"]
        parents = {"model": stage_1, "vision": vision, "tokenizer": stage_1.parents["tokenizer"]}
        if "mask_tokenizer" in stage_1.parents:
            parents["mask_tokenizer"] = stage_1.parents["mask_tokenizer"]
        texts = {key: stage_1.plain[key] for key in ("source", "bins", "prompt_length", "target_length")}
        config = Config(**texts, image_size=96, count=40, training=stage_1.config.training)
        step = Step(kind, kind, config, 0, parents)
    else:
        step = stage_1 if kind == "multimodal" else chain.step("transfer", task="refer")
    return altered(step, {"examples": 8 * STEPS, "batch_size": 8})


def run(chain: Any, step: Step, folder: Path, monkeypatch: pytest.MonkeyPatch, cut: int = 0) -> list[Ids]:
    """What the stage hands to the model, step by step; with `cut`, it is ended after so many."""
    folder.mkdir(exist_ok=True)
    parents = {role: chain.make(parent) for role, parent in step.parents.items()}
    seen: list[Ids] = []

    def report(done: int, total: int, **numbers: float) -> None:
        if done == cut + 1:  # a checkpoint is written after the report: that of step `cut` is the last
            raise Cut

    def recorded(examples: list[Example], *others: Any) -> Any:
        seen.append([(e.images, e.prompt, e.target) for e in examples])
        return split(examples, *others)

    split = joint._microbatches
    context = StageContext(folder, parents, step.seed, report, 1, Execution(checkpoint_seconds=0.0))
    context = context if cut else replace(context, report=lambda done, total, **numbers: None)
    with monkeypatch.context() as patch:
        patch.setattr(joint, "_microbatches", recorded)
        if not cut:
            run_step(step, context)
        else:
            with pytest.raises(Cut):
                run_step(step, context)
    return seen


@pytest.mark.parametrize("kind", ["multimodal", "resolution", "transfer"])
def test_a_continued_stage_sees_the_same_examples_and_ends_with_the_same_weights(
    chain: Any, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = stage(chain, kind)
    whole = run(chain, step, tmp_path / "whole", monkeypatch)
    assert len(whole) == STEPS and all(len(ids) == 8 for ids in whole)
    assert len({str(ids) for ids in whole}) == STEPS
    first = run(chain, step, tmp_path / "cut", monkeypatch, cut=CUT)
    assert first[:CUT] == whole[:CUT] and any((tmp_path / "cut" / CHECKPOINTS).iterdir())
    assert run(chain, step, tmp_path / "cut", monkeypatch) == whole[CUT:]
    made, again = ({path.name for path in (tmp_path / name).iterdir()} - {*UNFINISHED} for name in ("whole", "cut"))
    assert "weights.safetensors" in made and again == made
    for name in made:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
