"""The mask tokenizer's reconstruction of held-out masks."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.pali import SourceConfig, mask_fields
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(SourceConfig):
    """Up to `limit` masks of `task`, from the first `test` test images."""

    task: str = "refer"
    test: int
    limit: int


def _make(cell: CellSteps) -> Step:
    """All seeds are measured on the same masks."""
    data, evaluation = cell.experiment.data, cell.experiment.evaluation
    config = Config(**mask_fields(cell.experiment), test=data.test, limit=evaluation.limit)
    return cell.new("reconstruction", config, mask_tokenizer=cell.step("mask_tokenizer"))


def _units(step: Step) -> int:
    """Masks."""
    config = step.config
    assert isinstance(config, Config)
    return max(1, min(config.test, config.limit))


KIND = StageKind(
    name="reconstruction",
    summary="the mask tokenizer's IoU on held-out masks",
    version=1,
    make=_make,
    units=_units,
    seconds=0.003,
)
