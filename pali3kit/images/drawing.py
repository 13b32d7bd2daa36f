"""What some data sets want to be seen in their images: the outline of a box, letters in place of words."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from PIL import ImageDraw, ImageFont
from PIL.Image import Image

RED = (255, 0, 0)
LARGEST = 100  # of letters, in points


class Letter(NamedTuple):
    """A text, and the box (x0, y0, x1, y1) in pixels that it is written into."""

    text: str
    box: tuple[float, float, float, float]


def outline(image: Image, box: tuple[float, float, float, float], width: int) -> Image:
    """The RGB image with a red outline of the box (x0, y0, x1, y1), `width` pixels wide, inside the box."""
    ImageDraw.Draw(image).rectangle(box, outline=RED, width=width)
    return image


def write_letters(image: Image, letters: Iterable[Letter], masked: bool) -> Image:
    """The RGB image with letters in black, as large as their boxes allow, at the top and in the middle of them.

    Boxes are filled with white if `masked`.
    """
    draw = ImageDraw.Draw(image)
    for text, box in letters:
        if masked:
            draw.rectangle(box, fill="white")
        font, width = _font_for(text, box[2] - box[0], box[3] - box[1])
        draw.text((box[0] + (box[2] - box[0] - width) // 2, box[1]), text, fill="black", font=font)
    return image


def _font_for(text: str, width: float, height: float) -> tuple[ImageFont.FreeTypeFont | ImageFont.ImageFont, float]:
    """The largest font in which a text fits, at least one of one point, and the text's width in it."""
    for size in range(LARGEST, 0, -1):
        _, _, across, down = _font(size).getbbox(text)
        if size == 1 or (across <= width and down <= height):
            return _font(size), across
    raise AssertionError


@lru_cache(LARGEST)
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
