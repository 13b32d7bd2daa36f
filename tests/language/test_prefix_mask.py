"""The prefix mask."""

from __future__ import annotations

import torch

from pali3kit.language.prefix_mask import PrefixMask


def test_the_prefix_attends_to_all_of_itself() -> None:
    mask = PrefixMask.of_prefix(torch.tensor([[True, True, True, False]])).extended(2)
    expected = [
        [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 1, 0], [1, 1, 1, 0, 1, 1],
    ]  # fmt: skip
    assert mask.visible(6)[0].int().tolist() == expected
    assert mask.visible(1)[0].int().tolist() == expected[-1:]
    assert mask.positions[0, -2:].tolist() == [3, 4]
