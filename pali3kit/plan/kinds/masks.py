"""Stage 0c: the mask tokenizer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pali3kit.config.budgets import Complaint, spendable
from pali3kit.config.given import found, taught
from pali3kit.config.offers import supervising, tasks_of
from pali3kit.config.schema import Experiment
from pali3kit.config.stages import Masks
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import weights_digest
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import SourceConfig, source_fields
from pali3kit.plan.plain import component_json
from pali3kit.plan.step import Step
from pali3kit.types import Named

INSTANCE = "instance"  # the task of file sources with any object


@dataclass(frozen=True, kw_only=True)
class Config(SourceConfig):
    """A tokenizer trained on the objects of `task`; `weights` is the digest of its initial weights."""

    UNREAD: ClassVar[frozenset[str]] = frozenset({"source"})

    task: str = "refer"
    masks: Named
    weights: str = ""
    training: Masks


def _make(cell: CellSteps) -> Step:
    """File sources provide any object, the embedded world those that it can refer to."""
    part, section = cell.experiment.model.masks, cell.experiment.stages.masks
    source = supervising(section.source or cell.experiment.data.source, "masks")
    config = Config(
        **source_fields(source, cell.experiment.model.image_size),
        task=INSTANCE if INSTANCE in (tasks_of(source) or ()) else "refer",
        masks=component_json(part),
        weights=weights_digest(part),
        training=section,
    )
    return cell.new("masks", config)


def _check(cell: Experiment) -> Iterator[Complaint]:
    yield from found(cell.model.masks, "model.masks")
    yield from taught(cell.model.masks, "masks", cell.stages.masks.examples)
    yield from spendable("masks", cell.stages.masks, given=True)


def _detail(step: Step) -> str:
    return str(step.plain.get("task", ""))


KIND = StageKind(
    name="masks",
    summary="train the mask tokenizer",
    version=1,
    make=_make,
    check=_check,
    seconds=0.003,
    stage="0c",
    detail=_detail,
    panel=_detail,
)
