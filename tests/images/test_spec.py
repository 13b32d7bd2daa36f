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
