"""From the mask of an image to the 64x64 crop that is tokenized (paper.md §4.3), and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
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


def paste_mask(logits: NDArray[np.floating], box: Sequence[float], height: int, width: int) -> NDArray[np.bool_]:
    """The mask [height,width] of logits that are resized (bilinear) into their box; empty for a degenerate box.

    Raises DataError for logits that are not `[h,w]`, or not finite, as boxes must be.
    """
    require_boxes(box)
    if np.ndim(logits) != 2 or not np.isfinite(logits).all():
        raise DataError(f"mask logits should be [h, w] and finite; these are {list(np.shape(logits))}.")
    mask = np.zeros((height, width), np.bool_)
    y0, x0, y1, x1 = (int(v) for v in box)
    if y1 <= y0 or x1 <= x0:
        return mask
    top, left, bottom, right = max(y0, 0), max(x0, 0), min(y1, height), min(x1, width)
    if bottom <= top or right <= left:
        return mask
    # only the part within the image is resized, as a predicted box may be a million times larger
    y_scale, x_scale = logits.shape[0] / (y1 - y0), logits.shape[1] / (x1 - x0)
    visible = (left - x0) * x_scale, (top - y0) * y_scale, (right - x0) * x_scale, (bottom - y0) * y_scale
    crop = Image.fromarray(np.asarray(logits, np.float32))
    crop = crop.resize((right - left, bottom - top), Image.Resampling.BILINEAR, visible)
    mask[top:bottom, left:right] = np.asarray(crop) > 0
    return mask


def require_boxes(*boxes: Sequence[float]) -> None:
    """Raise DataError unless each box is four finite numbers (y0, x0, y1, x1)."""
    for box in boxes:
        if len(box) != 4 or not np.isfinite(box).all():
            raise DataError(f"a box is four finite numbers (y0, x0, y1, x1), not {tuple(box)}.")
