"""Texts found by pictures and pictures by texts, in every language of a set."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import Reading, readers, whole_model
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.sets import Pictures, captioned_pictures
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(Pictures, Reading):
    """The captions are the set's."""


def _make(cell: CellSteps) -> Step:
    experiment = cell.experiment
    pictures = captioned_pictures(experiment.evaluation.captioned, ["test"], experiment.model.image_size)
    images = cell.step("embed", section="captioned", splits=("test",))
    return cell.new("retrieval", Config(**pictures, **whole_model(cell)), images=images, **readers(cell))


KIND = StageKind(
    name="retrieval",
    summary="find texts by pictures and pictures by texts",
    version=1,
    make=_make,
    seconds=30.0,
)
