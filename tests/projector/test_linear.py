"""The linear projector."""

from __future__ import annotations

import torch

from pali3kit.projector.linear import LinearProjector
from pali3kit.projector.positions import _sine_positions


def test_it_is_one_linear_layer() -> None:
    projector = LinearProjector(8, 16)
    tokens = torch.randn(2, 6, 8)
    assert sum(p.numel() for p in projector.parameters()) == 8 * 16 + 16
    torch.testing.assert_close(projector(tokens, (2, 3)), tokens @ projector.linear.weight.T + projector.linear.bias)


def test_sines_are_added_on_the_given_grid() -> None:
    projector = LinearProjector(8, 16, positions="sine2d")
    tokens = torch.zeros(1, 6, 8)
    torch.testing.assert_close(projector(tokens, (2, 3))[0], _sine_positions((2, 3), 16))
