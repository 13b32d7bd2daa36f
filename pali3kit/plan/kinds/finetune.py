"""Full fine-tuning of the encoder as a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.budgets import KeyProblem, check_budget, check_devices, known_benchmarks
from pali3kit.config.memory import check_memory
from pali3kit.config.schema import Experiment
from pali3kit.config.shapes import VitShape
from pali3kit.config.stages import Finetune
from pali3kit.errors import ConfigError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.sets import ImageSetConfig, labelled_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(ImageSetConfig):
    """The train split of a labelled set, and how to train on it."""

    UNREAD: ClassVar[frozenset[str]] = frozenset({"image_size"})

    training: Finetune


def _make(cell: CellSteps) -> Step:
    section, evaluation = cell.experiment.stages.finetune, cell.experiment.evaluation
    size = section.image_size or cell.experiment.model.image_size
    config = Config(**labelled_fields(evaluation.labelled, ["train"], size), training=section)
    return cell.new("finetune", config, vision=cell.step("vision"))


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    section, wanted = cell.stages.finetune, _benchmark(cell)
    if wanted and cell.model.dual_encoder is None:
        yield from check_budget("finetune", section, needed_by=wanted)
        yield from _finetuned(cell)
    if wanted:
        yield from check_devices(cell, "finetune", section)
        yield from check_memory(cell, "finetune", section.optimizer, "vision")


def _benchmark(cell: Experiment) -> str:
    """The first benchmark that this stage is for, "" if there is none."""
    return next((name for name in known_benchmarks(cell) if BENCHMARK.find(name).training_stage == "finetune"), "")


def _finetuned(cell: Experiment) -> Iterator[KeyProblem]:
    """Check that the encoder can take the size of the images that it is fine-tuned on."""
    size, part = cell.stages.finetune.image_size, cell.model.vision
    if size is None or size < 1:
        return
    if part.name.startswith("open_clip/") and size != cell.model.image_size:
        yield "stages.finetune.image_size", f"{part.name} works at one resolution alone: take timm/, hf/ or vit."
    if part.name != "vit":
        return
    try:
        patch = VitShape.of_options(part.options).patch
    except ConfigError:
        return  # `check_compatibility` refuses the shape
    if patch > 0 and size % patch:
        near = max(1, round(size / patch)) * patch
        yield "stages.finetune.image_size", f"patch {patch} does not divide {size} pixels; nearest: {near}"


KIND = StageKind(
    name="finetune",
    summary="train the whole encoder as a classifier",
    version=2,
    make=_make,
    check=_check,
    seconds=0.01,
    seeded=True,
    distributed=True,
    gradient_checkpointing=True,
    encoder_alone=True,
)
