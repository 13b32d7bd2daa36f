"""Full fine-tuning of the encoder as a classifier."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pali3kit.config.budgets import Complaint, benchmark_that_trains, required_budget, spreadable
from pali3kit.config.encoder import finetuned
from pali3kit.config.memory import affordable, vision_parameters
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Finetune
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


def _check(cell: Experiment) -> Iterator[Complaint]:
    section, wanted = cell.stages.finetune, benchmark_that_trains(cell, "finetune")
    if wanted and cell.model.towers is None:
        yield from required_budget("finetune", section, wanted)
        yield from finetuned(cell)
    if wanted:
        yield from spreadable(cell, "finetune", section)
        yield from affordable(cell, "finetune", vision_parameters(cell), section.optimizer)


KIND = StageKind(
    name="finetune",
    summary="train the whole encoder as a classifier",
    version=1,
    make=_make,
    check=_check,
    seconds=0.01,
    seeded=True,
    spread=True,
    recomputes=True,
    encoder_alone=True,
)
