"""The words that an OCR engine reads in every image of a split, once."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.config.ocr import check_ocr
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import SourceConfig, image_set_of, source_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(SourceConfig):
    """The first `count` images of a `split`, of a `benchmark` that has a source of its own. A source that draws its
    images draws them `image_size` pixels wide; others are read at their own size.
    """

    engine: str
    split: str
    count: int
    benchmark: str = ""


def _make(cell: CellSteps, split: str, benchmark: str) -> Step:
    experiment = cell.experiment
    images = image_set_of(experiment, benchmark)
    config = Config(
        **source_fields(images.source, experiment.model.image_size),
        engine=experiment.data.ocr.words,
        split=split,
        count=images.train if split == "train" else images.test,
        benchmark=images.benchmark,
    )
    return cell.new("ocr", config)


def _units(step: Step) -> int:
    """Images."""
    return max(1, int(str(step.plain["count"])))


def _detail(step: Step) -> str:
    of = f"{step.plain['benchmark']}." if "benchmark" in step.plain else ""
    return f"{of}{step.plain['split']} {step.plain['engine']}"


KIND = StageKind(
    name="ocr",
    summary="read the words in all images once, by an OCR engine",
    version=1,
    make=_make,
    check=check_ocr,
    units=_units,
    seconds=2.0,
    detail=_detail,
)
