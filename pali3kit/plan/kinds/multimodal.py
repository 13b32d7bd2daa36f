"""Stage 1: PaLI is trained on a mixture of tasks with its image encoder frozen."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf, pow
from pathlib import Path
from typing import ClassVar

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import (
    KeyProblem,
    check_budget,
    check_devices,
    generates_text,
    has_stage_2,
    known_benchmarks,
    trains_stage_1,
)
from pali3kit.config.memory import check_memory
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Multimodal, Resolution
from pali3kit.config.vocabulary import Vocabulary
from pali3kit.errors import DataError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.own_records import check_own_records
from pali3kit.plan.pali import TextConfig, has_regions, text_fields
from pali3kit.plan.plain import component_json
from pali3kit.plan.step import Step
from pali3kit.types import Named

BOX_TOKENS, MASK_TOKENS = 4, 16  # a region is written as four coordinates and the codes of its mask (paper.md §4.1)


@dataclass(frozen=True, kw_only=True)
class Config(TextConfig):
    """The training of the projector and the language model. A saved projector is the parent's."""

    # These are fields of `TextConfig`, which every stage on PaLI has.
    UNREAD: ClassVar[frozenset[str]] = frozenset({"prompt_length", "target_length"})

    projector: Named = field(default_factory=dict)
    training: Multimodal


def _make(cell: CellSteps) -> Step:
    """With `model.from` it continues from what was saved, and is that where it has no examples."""
    experiment = cell.experiment
    training, saved = experiment.stages.multimodal, experiment.model.from_ is not None
    if not trains_stage_1(experiment):
        return cell.step("saved", part="pali")
    config = Config(
        **text_fields(experiment, experiment.model.image_size),
        validation=experiment.data.validation,
        projector={} if saved else component_json(experiment.model.projector),
        training=training,
    )
    start = {"model": cell.step("saved", part="pali")} if saved else {"language": cell.step("language")}
    return cell.new("multimodal", config, **start, **cell.inputs("train", has_regions(training.mixture)))


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    section = cell.stages.multimodal
    yield from check_budget("multimodal", section, may_be_pretrained=cell.model.from_ is not None)
    if trains_stage_1(cell):
        yield from _mixed(cell)
    yield from _lengths(cell)
    yield from check_own_records(cell)
    if generates_text(cell):
        yield from check_devices(cell, "multimodal", section)
        yield from check_memory(cell, "multimodal", section.optimizer, "language")


def _mixed(cell: Experiment) -> Iterator[KeyProblem]:
    """Check the weights of stage 1's mixture."""
    mixture = cell.stages.multimodal.mixture
    for task, weight in mixture.items():
        if weight < 0:
            yield f"stages.multimodal.mixture.{task}", f"the weight of {task} should be at least 0, not {weight}."
    if not any(weight > 0 for weight in mixture.values()):
        yield "stages.multimodal.mixture", "stages.multimodal.mixture has no task with a weight above 0."
    for stage in ("multimodal", "resolution"):
        section: Multimodal | Resolution = getattr(cell.stages, stage)
        weights = [weight for weight in section.mixture.values() if weight > 0]
        if weights and section.temperature > 0 and not _tempers(weights, section.temperature):
            text = f"weights to the power of 1 / {section.temperature:g} are no numbers to draw by."
            yield f"stages.{stage}.temperature", f"stages.{stage}.temperature: {text}"


def _tempers(weights: list[float], temperature: float) -> bool:
    try:
        return 0 < sum(pow(weight, 1 / temperature) for weight in weights) < inf
    except OverflowError:
        return False


def _lengths(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that a region's answer fits into a target of stage 1, of stage 2 and of transfers."""
    least = BOX_TOKENS + MASK_TOKENS + 1
    file = cell.tokenizer.file
    if file is not None and os.path.isfile(file):
        with suppress(DataError):  # `check_compatibility` refuses the file
            largest = " ".join([str(cell.tokenizer.bins - 1)] * BOX_TOKENS)
            least += len(Vocabulary(Path(file)).pieces.encode(largest)) - BOX_TOKENS
    asked = [name for name in known_benchmarks(cell) if BENCHMARK.find(name).regions]
    stages = ("multimodal", "resolution", "transfer") if has_stage_2(cell) else ("multimodal", "transfer")
    for stage in stages:
        length = getattr(cell.stages, stage).target_length
        if asked and length is not None and 0 < length < least:
            text = (
                f"target_length {length} cannot hold what {asked[0]} asks for: {BOX_TOKENS} coordinates,"
                f" {MASK_TOKENS} mask tokens and the end need {least}"
            )
            yield f"stages.{stage}.target_length", text


KIND = StageKind(
    name="multimodal",
    summary="stage 1: train PaLI on the mixture with the ViT frozen",
    version=3,
    make=_make,
    check=_check,
    seconds=0.009,
    seeded=True,
    distributed=True,
    microbatched=True,
    gradient_checkpointing=True,
    stage="1",
    title="After stage 1",
)
