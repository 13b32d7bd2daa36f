"""What the stages share that measure what an encoder costs, on a batch of images."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.benchmarks.benchmark import COST_BATCH
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The number of images that are encoded at once."""

    batch_size: int = COST_BATCH


def encoder_cost(name: str, summary: str, seconds: float) -> StageKind:
    """The kind of stage of this name. `seconds` is a first guess."""

    def make(cell: CellSteps) -> Step:
        return cell.new(name, Config(), vision=cell.step("vision"))

    return StageKind(name=name, summary=summary, version=1, make=make, seconds=seconds, encoder_alone=True)
