"""Stage 2: PaLI, including its image encoder, is trained on larger images; one step for each size, after the last."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pali3kit.config.available_tasks import entry_of
from pali3kit.config.budgets import KeyProblem, check_devices, generates_text, has_stage_2
from pali3kit.config.check_compatibility import check_resolutions
from pali3kit.config.component import Component
from pali3kit.config.memory import check_memory
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Multimodal, ResolutionStep
from pali3kit.errors import DataError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import size_of_split
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import TextConfig, has_regions, source_fields, text_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(TextConfig):
    """Training as in stage 1, with the examples of this step."""

    UNREAD: ClassVar[frozenset[str]] = frozenset({"prompt_length", "target_length"})

    training: Multimodal


def _make(cell: CellSteps, number: int) -> Step:
    """Step `number` of the curriculum, from 0.

    Raises DataError where `data.validation` leaves nothing of its own source to train on.
    """
    experiment, section = cell.experiment, cell.experiment.stages.resolution
    step, mixture = section.steps[number], section.mixture or cell.experiment.stages.multimodal.mixture
    size = step.image_size if section.increase_resolution else experiment.model.image_size
    training = Multimodal(
        examples=step.examples,
        batch_size=section.batch_size,
        optimizer=section.optimizer,
        mixture=mixture,
        temperature=section.temperature,
    )
    texts = text_fields(experiment, size, stage="resolution")
    texts["count"] = experiment.data.train  # no stored features: the encoder is trained
    if section.source is not None:
        own = source_fields(section.source, size)
        texts["source"], texts["data"], texts["image_size"] = own["source"], own["data"], own["image_size"]
        texts["count"] = size_of_split(section.source, "train") or _most_images(experiment, section.source, step)
        if experiment.data.validation >= texts["count"]:
            text = f"leaves none of the {texts['count']} train images of stages.resolution.source"
            raise DataError(f"data.validation: {experiment.data.validation} {text}")
    config = Config(**texts, validation=experiment.data.validation, training=training)
    before = cell.step("resolution", number=number - 1) if number else None
    parents = {"model": before or cell.step("multimodal"), "vision": before or cell.step("vision")}
    return cell.new("resolution", config, **parents, **cell.tokenizers(has_regions(mixture)))


def _most_images(experiment: Experiment, source: Component, step: ResolutionStep) -> int:
    """How many images a source that is not counted has: one for each example where it draws them without an end."""
    entry = entry_of(source)
    is_endless = entry is not None and entry.endless
    return experiment.data.validation + step.examples if is_endless else experiment.data.train


def _check(cell: Experiment) -> Iterator[KeyProblem]:
    section = cell.stages.resolution
    yield from check_resolutions(cell)
    if generates_text(cell) and has_stage_2(cell):
        yield from check_devices(cell, "resolution", section)
        yield from check_memory(cell, "resolution", section.optimizer, "vision", "language")


def _number_of(step: Step) -> int:
    """The number of a step within stage 2, from 1."""
    before = step.parents["model"]
    return 1 + (_number_of(before) if before.kind == step.kind else 0)


def _detail(step: Step) -> str:
    return f"{_number_of(step)}@{step.plain['image_size']}"


def _panel(step: Step) -> str:
    return f"step {_number_of(step)}"


KIND = StageKind(
    name="resolution",
    summary="stage 2: train the whole PaLI, its ViT too, on larger images",
    version=2,
    make=_make,
    check=_check,
    seconds=0.03,
    seeded=True,
    distributed=True,
    microbatched=True,
    gradient_checkpointing=True,
    stage="2",
    title="After stage 2",
    detail=_detail,
    panel=_panel,
)
