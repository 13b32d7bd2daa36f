"""Regions of images, read from a model's answers, and drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from pali3kit.data.task import Box
from pali3kit.errors import DataError
from pali3kit.masks.crops import paste_mask
from pali3kit.masks.regions import read_region
from pali3kit.masks.vqvae import MaskVQVAE

COLOURS = ((230, 159, 0), (86, 180, 233), (0, 158, 115), (240, 228, 66), (0, 114, 178), (213, 94, 0), (204, 121, 167))
"""Distinguishable with any colour vision (Okabe and Ito, 2008)."""
_OPACITY = 0.45
_SEPARATOR = ";"  # of regions in one answer, as in the task `detect`


@dataclass(frozen=True, eq=False)
class Region:
    """A region that a model wrote.

    Attributes:
        text: what it was read from.
        box: (y0, x0, y1, x1) in pixels of the image, half open; None where the text is no region.
        mask: bool `[H,W]` of the image's size; None where the text has no mask.
    """

    text: str
    box: Box | None = None
    mask: NDArray[np.bool_] | None = None

    def __repr__(self) -> str:
        mask = "None" if self.mask is None else f"{np.count_nonzero(self.mask)} of {self.mask.size} pixels"
        return f"Region(text={self.text!r}, box={self.box}, mask={mask})"


def read_regions(answer: str, height: int, width: int, masks: MaskVQVAE | None, bins: int) -> list[Region]:
    """The regions of an answer in order, each from its part of the text. Nothing is guessed for unreadable parts."""
    parts = [part.strip() for part in answer.split(_SEPARATOR)]
    regions: list[Region] = []
    for text in [part for part in parts if part] or [""]:
        box, logits = read_region(text, height, width, masks, bins)
        mask = None if box is None or logits is None else paste_mask(logits, box, height, width)
        regions.append(Region(text, box, mask))
    return regions


def _require_regions(regions: object) -> None:
    """Raise DataError unless these are regions of one image, with masks of bools and boxes of four numbers."""
    if not isinstance(regions, list | tuple):
        raise DataError(f"regions should be a list of regions, not {type(regions).__name__}.")
    for number, region in enumerate(regions):
        name = f"regions[{number}]"
        if not isinstance(region, Region):
            what = f"{name} should be a Region, not {type(region).__name__}"
            raise DataError(f"{what}: draw takes the list that `segment` gives for one image.")
        mask, box = region.mask, region.box
        if mask is not None and not (isinstance(mask, np.ndarray) and mask.dtype == bool and mask.ndim == 2):
            raise DataError(f"{name}: its mask should be an array bool [H,W].")
        if box is not None and (np.shape(box) != (4,) or not np.issubdtype(np.asarray(box).dtype, np.number)):
            raise DataError(f"{name}: its box should be (y0, x0, y1, x1), not {box!r}.")


def draw_regions(pixels: NDArray[np.uint8], regions: Sequence[Region]) -> Image.Image:
    """A copy of an image uint8 `[H,W,3]` with its regions: masks tinted, boxes outlined, a colour each.

    Unreadable regions are left out. Raises DataError for what is no list of regions, a mask of another size than the
    image, or a box that is none.
    """
    _require_regions(regions)
    blended = pixels.astype(np.float32)
    coloured = [(region, COLOURS[number % len(COLOURS)]) for number, region in enumerate(regions)]
    for region, colour in coloured:
        if region.mask is None:
            continue
        if region.mask.shape != pixels.shape[:2]:
            sizes = [f"{height}x{width}" for height, width in (region.mask.shape, pixels.shape[:2])]
            raise DataError(f"the mask is of an image of {sizes[0]} pixels (height x width), this one has {sizes[1]}")
        blended[region.mask] = (1 - _OPACITY) * blended[region.mask] + _OPACITY * np.array(colour, np.float32)
    image = Image.fromarray(blended.round().astype(np.uint8))
    pen, line = ImageDraw.Draw(image), max(1, round(min(image.size) / 150))
    for region, colour in coloured:
        if region.box is not None:
            y0, x0, y1, x1 = region.box
            pen.rectangle((x0, y0, max(x0, x1 - 1), max(y0, y1 - 1)), outline=colour, width=line)
    return image
