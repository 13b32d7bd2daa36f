"""Random views."""

from __future__ import annotations

import numpy as np
import torch

from pali3kit.images.augment import random_view

GRADIENT = np.stack(np.broadcast_arrays(np.arange(64)[:, None], np.arange(96)[None], 0), -1).astype(np.uint8)


def views(crop: float, flip: bool, count: int = 300) -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.stack([random_view(GRADIENT, 32, rng, crop, flip) for _ in range(count)])


def test_whole_images_are_squeezed_and_half_of_them_mirrored() -> None:
    whole = views(1.0, True)
    ascending = whole[:, 16, -1, 1] > whole[:, 16, 0, 1]
    assert 120 < ascending.sum() < 180
    assert np.array_equal(whole[~ascending][0][:, ::-1], whole[ascending][0])
    assert len(np.unique(views(1.0, False), axis=0)) == 1


def test_crops_keep_between_the_least_share_and_everything() -> None:
    """A gradient image, from which each view's rows and columns can be read."""
    cut = views(0.25, False).astype(float)
    rows, columns = cut[:, -1, 16, 0] - cut[:, 0, 16, 0], cut[:, 16, -1, 1] - cut[:, 16, 0, 1]
    share = (rows * 32 / 31) * (columns * 32 / 31) / (64 * 96)  # centres of the first and last pixel
    assert 0.2 < share.min() < 0.4 and 0.8 < share.max() < 1.1
    ratio = columns / rows
    assert 0.68 < ratio.min() < 0.85 and 1.2 < ratio.max() < 1.45


def test_a_view_is_a_function_of_the_generator_alone() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = random_view(GRADIENT, 32, np.random.default_rng(7), 0.05, True)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(2)
    assert np.array_equal(first, random_view(GRADIENT, 32, np.random.default_rng(7), 0.05, True))
