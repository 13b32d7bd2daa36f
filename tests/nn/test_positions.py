"""Positions: fixed sines and the resampling of learned tables."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import zoom

from pali3kit.nn.positions import resize_table, sine_2d


def test_sines_follow_the_formula() -> None:
    table = sine_2d((2, 3), 8)
    assert table.shape == (6, 8)
    omega = np.array([1.0, 1e-4])
    y, x = 1, 2
    expected = np.concatenate([np.sin(x * omega), np.cos(x * omega), np.sin(y * omega), np.cos(y * omega)])
    np.testing.assert_allclose(table[y * 3 + x].numpy(), expected, atol=1e-6)


def test_sines_need_a_width_divisible_by_four() -> None:
    with pytest.raises(ValueError, match="divisible by 4, got 6"):
        sine_2d((2, 2), 6)


@pytest.mark.parametrize(("old", "new"), [((16, 16), (58, 58)), ((8, 32), (4, 16)), ((3, 5), (5, 3))])
def test_resampling_is_big_visions_zoom(old: tuple[int, int], new: tuple[int, int]) -> None:
    table = torch.randn(1, old[0] * old[1], 6)
    grid = table.view(*old, 6).numpy()
    # mode: scipy's default writes zeros where rounding puts the last sample a hair outside the table
    expected = zoom(grid, (new[0] / old[0], new[1] / old[1], 1), order=1, mode="nearest").reshape(1, -1, 6)
    np.testing.assert_allclose(resize_table(table, old, new).numpy(), expected, atol=1e-5)


def test_a_table_that_is_not_the_recorded_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="256 positions is not the grid 15x15"):
        resize_table(torch.zeros(1, 256, 4), (15, 15), (20, 20))
