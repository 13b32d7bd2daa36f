"""The accuracy of a fine-tuned classifier."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import labelled_test_splits
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The logits on the images of `splits`. `benchmark` is always `finetune`."""

    benchmark: str
    splits: tuple[str, ...]


def _make(cell: CellSteps) -> Step:
    """The classifier and its logits on the test images are its ancestors."""
    splits, crop = labelled_test_splits(cell), cell.experiment.evaluation.crop
    classifier = cell.step("finetune")
    logits = cell.step("embed", section="labelled", splits=splits, crop=crop, classifier=classifier)
    return cell.new("classify", Config(benchmark="finetune", splits=splits), test=logits)


def _detail(step: Step) -> str:
    return str(step.plain["benchmark"])


KIND = StageKind(
    name="classify",
    summary="score a fine-tuned classifier",
    version=1,
    make=_make,
    seconds=0.1,
    encoder_alone=True,
    detail=_detail,
)
