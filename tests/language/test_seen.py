"""The prefix mask."""

from __future__ import annotations

import torch

from pali3kit.language.seen import Seen


def test_the_prefix_sees_all_of_itself() -> None:
    seen = Seen.prefix(torch.tensor([[True, True, True, False]])).extended(2)
    expected = [
        [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 1, 0], [1, 1, 1, 0, 1, 1],
    ]  # fmt: skip
    assert seen.visible(6)[0].int().tolist() == expected
    assert seen.visible(1)[0].int().tolist() == expected[-1:]
    assert seen.positions[0, -2:].tolist() == [3, 4]
