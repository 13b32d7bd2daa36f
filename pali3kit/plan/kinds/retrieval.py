"""Image-to-text and text-to-image retrieval, in every language of a set."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import DualEncoderConfig, dual_encoder_fields, dual_encoder_steps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.sets import ImageSetConfig, captioned_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(ImageSetConfig, DualEncoderConfig):
    """The images and captions of a captioned set."""


def _make(cell: CellSteps) -> Step:
    experiment = cell.experiment
    image_set = captioned_fields(experiment.evaluation.captioned, ["test"], experiment.model.image_size)
    images = cell.step("embed", section="captioned", splits=("test",))
    return cell.new(
        "retrieval", Config(**image_set, **dual_encoder_fields(cell)), images=images, **dual_encoder_steps(cell)
    )


KIND = StageKind(
    name="retrieval",
    summary="retrieve texts by images and images by texts",
    version=1,
    make=_make,
    seconds=30.0,
)
