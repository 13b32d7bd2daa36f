"""How many images per second the image encoder encodes."""

from __future__ import annotations

from dataclasses import dataclass

from pali3kit.plan.cell import CellSteps
from pali3kit.plan.kinds.kind import StageKind
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step


@dataclass(frozen=True, kw_only=True)
class Config(StageConfig):
    """The number of images that are encoded at once."""

    batch_size: int = 32


def _make(cell: CellSteps) -> Step:
    return cell.new("throughput", Config(), vision=cell.step("vision"))


KIND = StageKind(
    name="throughput",
    summary="time the image encoder's forward pass",
    version=1,
    make=_make,
    seconds=5.0,
    encoder_alone=True,
)
