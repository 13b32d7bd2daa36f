"""The frozen encoder's tokens of every picture of a split, computed once."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import Scenes, at_size, image_set_of, scenes_of, size_of
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(Scenes):
    """The first `count` images of a `split`, of a `benchmark` that has a source of its own."""

    split: str
    count: int
    benchmark: str = ""


def _make(cell: CellSteps, split: str, tuned: Step | None, benchmark: str = "") -> Step:
    """The tokens of the pretrained encoder, or of the one that stage 2 left."""
    images = image_set_of(cell.experiment, benchmark)
    config = Config(
        **scenes_of(images.source, size_of(cell, tuned)),
        split=split,
        count=images.train if split == "train" else images.test,
        benchmark=images.benchmark,
    )
    return cell.new("features", config, vision=tuned or cell.step("vision"))


def _units(step: Step) -> int:
    """Pictures."""
    return max(1, int(str(step.plain["count"])))


def _detail(step: Step) -> str:
    of = f"{step.plain['benchmark']}." if "benchmark" in step.plain else ""
    return f"{of}{step.plain['split']}{at_size(step)}"


KIND = StageKind(
    name="features",
    summary="compute the frozen encoder's tokens of all scenes once",
    version=2,
    make=_make,
    units=_units,
    seconds=0.002,
    encoder_alone=True,
    detail=_detail,
)
