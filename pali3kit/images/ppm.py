"""Pixels as the content of a PPM file, which takes no time to pack and unpack."""

from __future__ import annotations

import numpy as np


def ppm(pixels: np.ndarray) -> bytes:
    """Of pixels uint8 `[H,W,3]`; `images.decode.decode_image` gives them back."""
    height, width, _ = pixels.shape
    return b"P6 %d %d 255\n" % (width, height) + pixels.tobytes()
