"""The frozen encoder's tokens of every image of a split, computed once."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import SourceConfig, image_set_of, image_size_of, size_suffix, source_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(SourceConfig):
    """The first `count` images of a `split`, of a `benchmark` that has a source of its own."""

    split: str
    count: int
    benchmark: str = ""


def _make(cell: CellSteps, split: str, tuned: Step | None, benchmark: str = "") -> Step:
    """Computed by the pretrained encoder, or by the one that a step of stage 2 tuned."""
    images = image_set_of(cell.experiment, benchmark)
    config = Config(
        **source_fields(images.source, image_size_of(cell, tuned)),
        split=split,
        count=images.train if split == "train" else images.test,
        benchmark=images.benchmark,
    )
    return cell.new("features", config, vision=tuned or cell.step("vision"))


def _units(step: Step) -> int:
    """Images."""
    return max(1, int(str(step.plain["count"])))


def _detail(step: Step) -> str:
    of = f"{step.plain['benchmark']}." if "benchmark" in step.plain else ""
    return f"{of}{step.plain['split']}{size_suffix(step)}"


KIND = StageKind(
    name="features",
    summary="compute the frozen encoder's tokens of all images once",
    version=2,
    make=_make,
    units=_units,
    seconds=0.002,
    distributed=True,
    encoder_alone=True,
    detail=_detail,
)
