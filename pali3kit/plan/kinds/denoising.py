"""The pretrained language model's loss on held-out text."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.content import source_digest
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig, component_json
from pali3kit.plan.step import Step
from pali3kit.types import Named

MODES = 3  # the loss of each window is measured in all three modes of UL2


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """`limit` windows of `length` tokens. `prefix`, how the prefix LM splits a window, is always part of the digest."""

    source: Named
    data: str = ""
    bins: int
    length: int
    prefix: str
    limit: int


def _make(cell: CellSteps) -> Step:
    """All seeds are measured on the same held-out text."""
    training, source = cell.experiment.stages.language, cell.experiment.data.source
    config = Config(
        source=component_json(source),
        data=source_digest(source),
        bins=cell.experiment.tokenizer.bins,
        length=training.length,
        prefix=training.prefix,
        limit=cell.experiment.evaluation.limit,
    )
    return cell.new("denoising", config, language=cell.step("language"), tokenizer=cell.step("tokenizer"))


def _units(step: Step) -> int:
    """Windows in each mode."""
    return MODES * int(str(step.plain["limit"]))


KIND = StageKind(
    name="denoising",
    summary="the pretrained language model's loss on held-out text",
    version=1,
    make=_make,
    units=_units,
    seconds=0.003,
    distributed=True,
)
