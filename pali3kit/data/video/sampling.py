"""Which frames of a video are read. PaLI-3 reads up to 16; by which rule is not published."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from pali3kit.errors import DataError, choose

Rule = Literal["middles", "ends", "stride"]
MAX_FRAMES = 256


@dataclass(frozen=True, slots=True)
class FrameSampling:
    """A rule that chooses frames by their time stamps, the number of frames, and for `stride` its step.

    * `middles`: the frames that are shown in the middles of equal parts of the time.
    * `ends`: at equal distances in time from the first frame to the last one, both included, as lmms-eval.
    * `stride`: every `stride`-th frame from the first one, repeated from the beginning where they end, as big_vision.

    Where there are fewer frames than asked for, some are read several times.

    Raises DataError for an unknown rule, or a number out of range.
    """

    frames: int = 16
    rule: Rule = "middles"
    stride: int = 1

    def __post_init__(self) -> None:
        if self.rule not in get_args(Rule):
            raise DataError(f"there is no sampling '{self.rule}'.{choose(self.rule, get_args(Rule))}")
        if not 1 <= self.frames <= MAX_FRAMES:
            raise DataError(f"frames should be 1 to {MAX_FRAMES}, not {self.frames}.")
        if self.stride < 1:
            raise DataError(f"stride should be at least 1, not {self.stride}.")

    def choose(self, stamps: Sequence[int], start: int, end: int) -> list[int]:
        """Indices into the ascending time stamps of frames, as many as `frames`, between `start` and `end` (excluded).

        A frame is shown until the next one's time stamp; all times are in one unit.
        """
        first = max(bisect_right(stamps, start) - 1, 0)
        last = max(bisect_left(stamps, end) - 1, first)
        if self.rule == "stride":
            found = range(first, last + 1, self.stride)
            return [found[number % len(found)] for number in range(self.frames)]
        if self.rule == "middles":
            parts = 2 * self.frames
            times = [start + (2 * number + 1) * (end - start) // parts for number in range(self.frames)]
        else:
            step, parts = stamps[last] - stamps[first], max(self.frames - 1, 1)
            times = [stamps[first] + number * step // parts for number in range(self.frames)]
        return [min(max(bisect_right(stamps, time) - 1, first), last) for time in times]
