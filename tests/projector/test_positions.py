"""Fixed position embeddings."""

from __future__ import annotations

import pytest
import torch

from pali3kit.nn.positions import Grid
from pali3kit.projector.positions import _sine_positions, add_positions


def test_they_are_added_if_asked_for() -> None:
    tokens = torch.randn(2, 6, 8)
    assert torch.equal(add_positions(tokens, (2, 3), "none"), tokens)
    torch.testing.assert_close(
        add_positions(tokens, (2, 3), "sine2d") - tokens, _sine_positions((2, 3), 8).expand(2, -1, -1)
    )


def test_positions_have_unit_size_and_follow_the_formula() -> None:
    table = _sine_positions((2, 4), 8)
    assert table.pow(2).mean().item() == pytest.approx(1)
    x, y, omega = 3, 1, torch.tensor([torch.pi, torch.pi / 4])
    expected = torch.cat([(x * omega).sin(), (x * omega).cos(), (y * omega).sin(), (y * omega).cos()])
    torch.testing.assert_close(table[y * 4 + x], 2**0.5 * expected)


@pytest.mark.parametrize("grid", [(1, 1), (4, 4), (14, 14), (58, 58)])
def test_positions_are_distinct(grid: Grid) -> None:
    """The squared distance of any two is at least a tenth of their squared norm."""
    table = _sine_positions(grid, 128)
    distances = torch.cdist(table, table) + 1e3 * torch.eye(len(table))
    assert distances.min().pow(2) > 0.1 * 128
