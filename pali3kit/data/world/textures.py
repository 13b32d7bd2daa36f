"""Background textures as integer patterns: the same on every machine."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.world.palette import TEXTURES

SAMPLES = 8  # patterns of each texture: other periods, other noise
CONTRAST = 15  # brightest and darkest departure from the background's colour

Pattern = NDArray[np.int16]


@cache
def pattern(texture: str, sample: int, side: int) -> Pattern:
    """Brightness offsets int16 [2 side, 2 side], to cut a picture of `side` pixels from."""
    rng = np.random.Generator(np.random.PCG64([TEXTURES.index(texture), sample]))
    unit = max(1, side // 64)  # patterns grow with the picture
    extent = 2 * side // unit
    y, x = np.mgrid[:extent, :extent]
    period = 3 + sample % 4
    wave: dict[str, NDArray[np.int64]] = {
        "plain": 0 * x,
        "stripes": y // period % 2 * 2 - 1,
        "bars": x // period % 2 * 2 - 1,
        "diagonals": (x + y) // period % 2 * 2 - 1,
        "checks": (x // period + y // period) % 2 * 2 - 1,
        "dots": 1 - 2 * ((x % (period + 2) - 2) ** 2 + (y % (period + 2) - 2) ** 2 <= 2),
    }
    if texture == "grain":
        offsets = rng.integers(-CONTRAST, CONTRAST + 1, (extent, extent))
    elif texture == "clouds":
        offsets = _clouds(rng, extent)
    else:
        offsets = wave[texture] * rng.integers(CONTRAST // 2, CONTRAST + 1)
    return offsets.repeat(unit, 0).repeat(unit, 1).astype(np.int16)


def _clouds(rng: np.random.Generator, extent: int) -> NDArray[np.int64]:
    """Noise smoothed three times by a box of nine pixels, stretched to the contrast."""
    field = rng.integers(-1000, 1001, (extent, extent))
    for axis in (0, 1) * 3:
        field = sum((np.roll(field, shift, axis) for shift in range(-4, 5)), np.zeros_like(field)) // 9
    return field * CONTRAST // int(np.abs(field).max())
