"""Stage 2: the whole PaLI, its encoder too, learns from larger pictures; a step for each size, continuing the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pali3kit.config.budgets import Complaint, generates, has_stage_2, spreadable
from pali3kit.config.memory import affordable, language_size, vision_parameters
from pali3kit.config.resolutions import resolutions
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Multimodal
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import Texts, has_regions, texts_of, tokenizers
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(Texts):
    """Training as of stage 1, with this step's examples."""

    UNREAD: ClassVar[frozenset[str]] = frozenset({"prompt_length", "target_length"})

    training: Multimodal


def _make(cell: CellSteps, number: int) -> Step:
    """Step `number` of the curriculum, from 0."""
    experiment, section = cell.experiment, cell.experiment.stages.resolution
    step, mixture = section.steps[number], section.mixture or cell.experiment.stages.multimodal.mixture
    size = step.image_size if section.grow else experiment.model.image_size
    training = Multimodal(
        examples=step.examples,
        batch_size=section.batch_size,
        optimizer=section.optimizer,
        mixture=mixture,
        temperature=section.temperature,
    )
    texts = texts_of(experiment, size)
    texts["count"] = experiment.data.train  # no features are kept: the encoder learns
    config = Config(**texts, validation=experiment.data.validation, training=training)
    before = cell.step("resolution", number=number - 1) if number else None
    parents = {"model": before or cell.step("multimodal"), "vision": before or cell.step("vision")}
    return cell.new("resolution", config, **parents, **tokenizers(cell, has_regions(mixture)))


def _check(cell: Experiment) -> Iterator[Complaint]:
    section = cell.stages.resolution
    yield from resolutions(cell)
    if generates(cell) and has_stage_2(cell):
        yield from spreadable(cell, "resolution", section)
        yield from affordable(cell, "resolution", vision_parameters(cell) + language_size(cell), section.optimizer)


def _number_of(step: Step) -> int:
    """Which step of stage 2 it is, from 1."""
    before = step.parents["model"]
    return 1 + (_number_of(before) if before.kind == step.kind else 0)


def _detail(step: Step) -> str:
    return f"{_number_of(step)}@{step.plain['image_size']}"


def _panel(step: Step) -> str:
    return f"step {_number_of(step)}"


KIND = StageKind(
    name="resolution",
    summary="stage 2: train the whole PaLI, its ViT too, on larger pictures",
    version=1,
    make=_make,
    check=_check,
    seconds=0.03,
    seeded=True,
    spread=True,
    passes=True,
    recomputes=True,
    stage="2",
    title="After stage 2",
    detail=_detail,
    panel=_panel,
)
