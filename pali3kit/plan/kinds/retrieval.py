"""Texts found by pictures and pictures by texts, in every language of a set."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import DualEncoderConfig, dual_encoder_fields, dual_encoder_steps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.sets import ImageSetConfig, captioned_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(ImageSetConfig, DualEncoderConfig):
    """The captions are the set's."""


def _make(cell: CellSteps) -> Step:
    experiment = cell.experiment
    pictures = captioned_fields(experiment.evaluation.captioned, ["test"], experiment.model.image_size)
    images = cell.step("embed", section="captioned", splits=("test",))
    return cell.new(
        "retrieval", Config(**pictures, **dual_encoder_fields(cell)), images=images, **dual_encoder_steps(cell)
    )


KIND = StageKind(
    name="retrieval",
    summary="find texts by pictures and pictures by texts",
    version=1,
    make=_make,
    seconds=30.0,
)
