"""Preprocessing: a golden input and output."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from pali3kit.images.spec import ImageSpec


def test_values_go_to_minus_one_and_one_and_channels_come_first() -> None:
    images = np.zeros((1, 1, 2, 3), np.uint8)
    images[0, 0, 1] = (255, 51, 102)
    expected = torch.tensor([[[[-1.0, 1.0]], [[-1.0, -0.6]], [[-1.0, -0.2]]]])
    torch.testing.assert_close(ImageSpec(2).normalise(images), expected)


def test_a_fitted_image_may_be_written_to() -> None:
    """torch warns of read-only arrays."""
    assert ImageSpec(2).fit(Image.new("L", (3, 4))).flags.writeable


def test_a_batch_is_normalised_where_it_is_to_the_same_bytes() -> None:
    """As before it was sent to a device: the same operations, and the same layout in memory, by which torch chooses
    the algorithm of a convolution.
    """
    spec = ImageSpec(6, mean=(0.48, 0.46, 0.41), std=(0.27, 0.26, 0.28))
    images = np.random.default_rng(0).integers(0, 256, (4, 6, 6, 3), np.uint8)
    batch = spec.to_batch(images)
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (spec.mean, spec.std))
    expected = torch.from_numpy(images).permute(0, 3, 1, 2).float().div_(255).sub_(mean).div_(std)
    assert batch.dtype == torch.uint8 and batch.shape == (4, 3, 6, 6)
    for found in (spec.normalise_batch(batch), spec.prepare(images), spec.normalise(images)):
        assert torch.equal(found, expected) and found.stride() == expected.stride()
    assert torch.equal(spec.normalise_batch(batch.view(2, 2, 3, 6, 6)), expected.view(2, 2, 3, 6, 6))
    assert spec.normalise_batch(batch.to("meta")).is_meta
    assert batch.numpy().max() == images.max()  # the batch itself is not changed


def test_floats_are_normalised_already() -> None:
    floats = torch.rand(2, 3, 6, 6)
    assert ImageSpec(6).normalise_batch(floats) is floats
