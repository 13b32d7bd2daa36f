"""From the mask of an image to the 64x64 crop that is tokenized (paper.md §4.3)."""

from __future__ import annotations

import numpy as np
from PIL import Image

from pali3kit.errors import DataError

SIDE = 64
Box = tuple[int, int, int, int]


def crop_mask(mask: np.ndarray, box: Box) -> np.ndarray:
    """The part of a bool mask `[H,W]` in `box` (y0, x0, y1, x1, pixels, half open): float32 `[64,64]` in [0, 1].

    Resized bilinearly, with antialiasing where it shrinks, as Pillow does.

    Raises:
        DataError: the box is empty or not within the image.
    """
    y0, x0, y1, x1 = box
    height, width = mask.shape
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise DataError(f"box {box} is empty or outside an image of {height}x{width}")
    part = Image.fromarray(mask[y0:y1, x0:x1].astype(np.float32))
    return np.asarray(part.resize((SIDE, SIDE), Image.Resampling.BILINEAR))
