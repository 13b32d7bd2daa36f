"""Which frames the rules choose, by hand."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from pali3kit.data.video.sampling import FrameSampling, Rule
from pali3kit.errors import DataError

TEN = range(0, 1000, 100)  # ten frames, each shown for 100
UNEVEN = (0, 10, 20, 500, 900)


@pytest.mark.parametrize(
    ("rule", "frames", "stamps", "limits", "chosen"),
    [
        ("middles", 1, TEN, (0, 1000), [5]),
        ("middles", 4, TEN, (0, 1000), [1, 3, 6, 8]),  # at 125, 375, 625 and 875
        ("middles", 4, TEN, (300, 700), [3, 4, 5, 6]),
        ("middles", 2, UNEVEN, (0, 1000), [2, 3]),  # at 250, where the third is shown, and 750
        ("middles", 4, range(2), (0, 2), [0, 0, 1, 1]),  # fewer frames than asked for
        ("ends", 4, TEN, (0, 1000), [0, 3, 6, 9]),
        ("ends", 1, TEN, (0, 1000), [0]),
        ("ends", 3, TEN, (300, 700), [3, 4, 6]),  # from 300 to 600, in the middle 450
        ("ends", 3, UNEVEN, (0, 1000), [0, 2, 4]),  # 450 shows the third
        ("stride", 4, TEN, (0, 1000), [0, 3, 6, 9]),
        ("stride", 6, TEN, (0, 1000), [0, 3, 6, 9, 0, 3]),  # from the beginning again
        ("stride", 3, TEN, (450, 1000), [4, 7, 4]),  # from the frame that is shown at 450
        ("middles", 2, TEN, (9_000, 9_001), [9, 9]),
    ],
)
def test_frames_by_hand(
    rule: Rule, frames: int, stamps: Sequence[int], limits: tuple[int, int], chosen: list[int]
) -> None:
    assert FrameSampling(frames, rule, 3).choose(stamps, *limits) == chosen


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"rule": "middle"}, "there is no sampling 'middle'. Did you mean 'middles'?"),
        ({"frames": 0}, "frames should be 1 to 256, not 0."),
        ({"frames": 257}, "frames should be 1 to 256, not 257."),
        ({"stride": 0}, "stride should be at least 1, not 0."),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(DataError) as raised:
        FrameSampling(**options)  # type: ignore[arg-type]
    assert str(raised.value) == message
