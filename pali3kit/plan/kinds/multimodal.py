"""Stage 1: PaLI learns a mixture of tasks, its image encoder frozen."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pali3kit.config.budgets import Complaint, generates, lengths, mixed, spendable, spreadable
from pali3kit.config.memory import affordable, language_size
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Multimodal
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import Texts, has_regions, inputs, texts_of
from pali3kit.plan.plain import named
from pali3kit.plan.step import Step
from pali3kit.types import Named


@dataclass(frozen=True, kw_only=True)
class Config(Texts):
    """A projector and a language model that learn a mixture."""

    # They are those of `Texts`, as every stage on PaLI has them.
    UNREAD: ClassVar[frozenset[str]] = frozenset({"prompt_length", "target_length"})

    projector: Named
    training: Multimodal


def _make(cell: CellSteps) -> Step:
    experiment = cell.experiment
    training = experiment.stages.multimodal
    config = Config(
        **texts_of(experiment, experiment.model.image_size),
        validation=experiment.data.validation,
        projector=named(experiment.model.projector),
        training=training,
    )
    return cell.new(
        "multimodal", config, language=cell.step("language"), **inputs(cell, "train", has_regions(training.mixture))
    )


def _check(cell: Experiment) -> Iterator[Complaint]:
    section = cell.stages.multimodal
    yield from spendable("multimodal", section)
    yield from mixed(cell)
    yield from lengths(cell)
    if generates(cell):
        yield from spreadable(cell, "multimodal", section)
        yield from affordable(cell, "multimodal", language_size(cell), section.optimizer)


KIND = StageKind(
    name="multimodal",
    summary="stage 1: train PaLI on the mixture with the ViT frozen",
    version=2,
    make=_make,
    check=_check,
    seconds=0.009,
    seeded=True,
    spread=True,
    passes=True,
    recomputes=True,
    stage="1",
    title="After stage 1",
)
