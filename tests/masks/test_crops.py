from __future__ import annotations

import numpy as np
import pytest

from pali3kit.errors import DataError
from pali3kit.masks.crops import crop_mask


def test_a_box_of_64_pixels_is_copied():
    mask = np.random.default_rng(0).random((70, 80)) > 0.5
    cut = crop_mask(mask, (3, 10, 67, 74))
    assert cut.dtype == np.float32 and cut.shape == (64, 64)
    assert (cut == mask[3:67, 10:74]).all()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 9), (200, 130), (64, 700)])
def test_shape_and_range(height, width):
    mask = np.random.default_rng(0).random((height, width)) > 0.5
    cut = crop_mask(mask, (0, 0, height, width))
    assert cut.shape == (64, 64)
    assert cut.min() >= 0 and cut.max() <= 1 + 1e-6


def test_shrinking_keeps_the_area():
    """Antialiasing: single pixels of a fine pattern are averaged, not sampled."""
    mask = np.random.default_rng(0).random((640, 640)) > 0.7
    cut = crop_mask(mask, (0, 0, 640, 640))
    assert abs(cut.mean() - mask.mean()) < 1e-3
    assert 0.15 < cut.min() < cut.max() < 0.45


def test_growing_is_bilinear():
    cut = crop_mask(np.array([[False, True]]), (0, 0, 1, 2))
    expected = np.clip((np.arange(64) + 0.5) / 32 - 0.5, 0, 1)
    np.testing.assert_allclose(cut, np.broadcast_to(expected, (64, 64)), atol=1e-6)


def test_only_the_box_is_seen():
    mask = np.ones((20, 20), dtype=bool)
    mask[5:9, 6:12] = False
    assert not crop_mask(mask, (5, 6, 9, 12)).any()


@pytest.mark.parametrize("box", [(5, 5, 5, 9), (9, 5, 5, 9), (-1, 0, 5, 5), (0, 0, 5, 21), (0, 0, 11, 5)])
def test_boxes_that_are_refused(box):
    with pytest.raises(DataError, match="empty or outside an image of 10x20"):
        crop_mask(np.ones((10, 20), dtype=bool), box)
