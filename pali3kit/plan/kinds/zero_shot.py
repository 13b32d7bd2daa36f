"""Zero-shot classification by the texts of the classes."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pali3kit.errors import DataError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import (
    DualEncoderConfig,
    dual_encoder_fields,
    dual_encoder_steps,
    labelled_features,
    labelled_test_splits,
)
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.sets import open_labelled
from pali3kit.plan.step import Step

WNID = re.compile(r"n\d{8}")  # the WordNet id of an ImageNet class without a name


@dataclass(frozen=True, kw_only=True)
class Config(DualEncoderConfig):
    """The set of `prompts` for class names, and the images of `splits`."""

    prompts: str
    splits: tuple[str, ...]


def _make(cell: CellSteps) -> Step:
    classes = open_labelled(cell.experiment.evaluation.labelled).classes
    if unnamed := [name for name in classes if WNID.fullmatch(name)]:
        raise DataError(
            f"class {unnamed[0]} has no name for the prompts: give a file of names (evaluation.labelled.names)"
        )
    splits = labelled_test_splits(cell)
    config = Config(**dual_encoder_fields(cell), prompts=cell.experiment.evaluation.prompts, splits=splits)
    return cell.new("zero_shot", config, test=labelled_features(cell, splits, 1.0), **dual_encoder_steps(cell))


KIND = StageKind(
    name="zero_shot",
    summary="classify by the texts of the classes",
    version=1,
    make=_make,
    seconds=3.0,
)
