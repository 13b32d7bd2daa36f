"""k-nearest-neighbour classification of the frozen encoder's features."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.errors import DataError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import count_images, labelled_features, labelled_test_splits
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The number of `neighbours` that vote on the class of each image of `splits`."""

    neighbours: int
    splits: tuple[str, ...]


def _make(cell: CellSteps) -> Step:
    evaluation, splits = cell.experiment.evaluation, labelled_test_splits(cell)
    train, test = (labelled_features(cell, each, evaluation.crop) for each in (("train",), splits))
    if (images := count_images(train)) < evaluation.neighbours:
        raise DataError(f"evaluation.neighbours: {evaluation.neighbours} are more than the {images} train images")
    return cell.new("knn", Config(neighbours=evaluation.neighbours, splits=splits), train=train, test=test)


KIND = StageKind(
    name="knn",
    summary="classify by the nearest neighbours' classes",
    version=1,
    make=_make,
    units=count_images,
    seconds=2e-5,
    encoder_alone=True,
)
