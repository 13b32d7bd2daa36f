"""A linear classifier on the frozen encoder's features, trained by gradient descent."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.config.stages import Linear
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import count_images, labelled_features, labelled_test_splits
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The training settings of the `classifier`, and the test `splits` that it is evaluated on."""

    classifier: Linear
    splits: tuple[str, ...]


def _make(cell: CellSteps) -> Step:
    crop, splits = cell.experiment.evaluation.crop, labelled_test_splits(cell)
    config = Config(classifier=cell.experiment.stages.linear, splits=splits)
    train, test = (labelled_features(cell, each, crop) for each in (("train",), splits))
    return cell.new("linear", config, train=train, test=test)


KIND = StageKind(
    name="linear",
    summary="train a linear classifier on the frozen encoder's features",
    version=1,
    make=_make,
    units=count_images,
    seconds=0.001,
    seeded=True,
    encoder_alone=True,
)
