"""How much memory the image encoder's forward pass needs."""

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
    return cell.new("memory", Config(), vision=cell.step("vision"))


KIND = StageKind(
    name="memory",
    summary="count the bytes that the image encoder's forward pass has at once",
    version=1,
    make=_make,
    seconds=2.0,
    encoder_alone=True,
)
