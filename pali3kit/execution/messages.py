"""What a process that makes a stage tells: its progress, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from pali3kit.training.context import MemoryProfile, StageCost


@dataclass(frozen=True)
class Progress:
    """A running stage has finished `done` of `total` units, or, with `text`, has a line to print."""

    done: int
    total: int
    numbers: dict[str, float]
    text: str = ""


@dataclass(frozen=True)
class Finished:
    """A stage is published. `seconds` is its wall time, including attempts that were killed."""

    seconds: float
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """A stage failed; its work folder has the traceback."""

    reason: str


@dataclass(frozen=True)
class Busy:
    """Another process is running this stage."""


@dataclass(frozen=True)
class Calibrated:
    """The measured cost of one unit of a stage; None if the kind of stage cannot measure it."""

    cost: StageCost | None


@dataclass(frozen=True)
class Profiled:
    """The memory and FLOPs of a stage, found on the meta device; None if its kind has no calibration, or if that raised
    the error `problem`. `rows` is the batch size with which the stage can be timed here: 0 if it is too large.
    """

    profile: MemoryProfile | None = None
    problem: str = ""
    rows: int = 0


Message = Progress | Finished | Failed | Busy | Calibrated | Profiled
Send = Callable[[Message], None]
