"""A canvas for pages: paper, ink, rules, boxes, icons and text, which it records word by word.

Arithmetic on pixels is on integers, so that a page has the same bytes on every machine. Everything is clipped at the
edges. Lengths of layouts scale with the image (`Canvas.px`), text never becomes smaller than `Canvas.em`.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.pages.page import Drawing, PrintedWord
from pali3kit.data.pages.typeface import line_order, space_width, text_width, word_coverage
from pali3kit.data.world import atlas
from pali3kit.data.world.palette import RGB
from pali3kit.data.world.render import blend
from pali3kit.data.world.scene import Box

UNIT = 128  # the side for which layouts are designed, pixels
BASELINE = 0.78  # of an em, below a line's top
BLACK: RGB = (24, 24, 28)
WHITE: RGB = (252, 252, 250)
GREY: RGB = (130, 130, 134)
_CONDENSED = 16  # steps of condensing between none and nothing


def legible_em(size: int) -> int:
    """The least em of text in an image of this side, pixels: an x-height of 5 pixels, more in larger images."""
    return max(9, round(size * 9 / UNIT))


class Canvas:
    """A square RGB image of `size` pixels a side, and the words printed on it."""

    def __init__(self, size: int, paper: RGB = WHITE) -> None:
        self.size, self.em = size, legible_em(size)
        self.image: NDArray[np.uint8] = np.empty((size, size, 3), np.uint8)
        self.image[:] = paper
        self.words: list[PrintedWord] = []

    def px(self, units: float) -> int:
        """A length for an image of 128 pixels, scaled to this one: at least a pixel."""
        return max(1, round(units * self.size / UNIT))

    def drawing(self) -> Drawing:
        """What has been drawn."""
        return Drawing(self.image, tuple(self.words))

    def text(
        self,
        text: str,
        y: int,
        x: int,
        height: int | None = None,
        *,
        face: str = "sans",
        ink: RGB = BLACK,
        align: str = "left",
        width: int | None = None,
    ) -> Box:
        """Print a line of words and return the box of its ink.

        Args:
            text: words in logical order, separated by spaces.
            y: top of the line; a line is one em high.
            x: left edge, middle or right edge, by `align`: "left", "middle" or "right".
            height: the em in pixels; the least legible one by default.
            face: one of `typeface.FACES`.
            ink: its colour.
            align: what `x` is.
            width: the most pixels the line may take: it becomes smaller, but not illegible, and then narrower.
        """
        height, condensed = self._fitted(text, height or self.em, face, width)
        left = x - {"left": 0, "middle": 1, "right": 2}[align] * text_width(text, height, face, condensed) // 2
        boxes, pen = [], left
        for word in line_order(text):
            coverage, baseline, (y0, x0, y1, x1) = word_coverage(word, face, height, condensed)
            top, start = y + round(BASELINE * height) - baseline, pen - 1
            self._blend(coverage, top, start, ink)
            boxes.append((top + y0, start + x0, top + y1, start + x1))
            pen += coverage.shape[1] - 2 + space_width(height)
        in_order = boxes if line_order(text) == text.split() else boxes[::-1]
        self.words += [PrintedWord(*pair) for pair in zip(text.split(), in_order, strict=True)]
        return around(boxes)

    def _blend(self, coverage: NDArray[np.uint8], y: int, x: int, ink: RGB) -> None:
        """Blend a colour over the image where it is covered; nothing lies wholly outside."""
        if y < self.size and x < self.size and y + coverage.shape[0] > 0 and x + coverage.shape[1] > 0:
            blend(self.image, coverage, y, x, ink)

    def _fitted(self, text: str, height: int, face: str, width: int | None) -> tuple[int, float]:
        """The em and the condensing with which a text fits, as far as it can be legible."""
        while width is not None and height > self.em and text_width(text, height, face) > width:
            height -= 1
        condensed = _CONDENSED
        while width is not None and condensed > 11 and text_width(text, height, face, condensed / _CONDENSED) > width:
            condensed -= 1
        return height, condensed / _CONDENSED

    def fill(self, box: Box, colour: RGB, radius: int = 0) -> None:
        """Fill a box, with round corners of a radius in pixels."""
        y0, x0, y1, x1 = box
        if radius:
            self._blend(_rounded(y1 - y0, x1 - x0, radius), y0, x0, colour)
        else:
            self.image[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = colour

    def frame(self, box: Box, colour: RGB = BLACK, thick: int = 1) -> None:
        """Draw the border of a box, inside it."""
        y0, x0, y1, x1 = box
        for side in (
            (y0, x0, y0 + thick, x1), (y1 - thick, x0, y1, x1), (y0, x0, y1, x0 + thick), (y0, x1 - thick, y1, x1)
        ):  # fmt: skip
            self.fill(side, colour)

    def rule(self, y: int, x0: int, x1: int, colour: RGB = BLACK, thick: int = 1, dash: int = 0) -> None:
        """Draw a horizontal line, dashed if `dash` is given (pixels of a dash and of a gap)."""
        if not dash:
            self.fill((y, x0, y + thick, x1), colour)
        for start in range(x0, x1, 2 * dash) if dash else ():
            self.fill((y, start, y + thick, min(start + dash, x1)), colour)

    def icon(self, emoji: str, y: int, x: int, side: int, artist: str = "noto") -> Box:
        """Paste a sprite of the embedded world into the square of `side` pixels at `(y, x)`; return its box."""
        sprite = atlas.scaled_sprite(emoji, artist, side)
        high, wide = sprite.shape[:2]
        top, left = y + (side - high) // 2, x + (side - wide) // 2
        y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + high, self.size), min(left + wide, self.size)
        part, spot = sprite[y0 - top : y1 - top, x0 - left : x1 - left], self.image[y0:y1, x0:x1]
        spot[:] = part[..., :3] + ((spot * (255 - part[..., 3:].astype(np.uint16)) + 127) // 255).astype(np.uint8)
        return y0, x0, y1, x1

    def grain(self, seed: int, contrast: int = 6) -> None:
        """Add noise like that of a scanner or a camera to what has been drawn."""
        noise = _noise(seed % 8, self.size) * contrast // 16
        np.clip(self.image + noise[..., None], 0, 255, out=self.image, casting="unsafe")


def around(boxes: list[Box]) -> Box:
    """The smallest box that contains all of these."""
    y0, x0, y1, x1 = zip(*boxes, strict=True)
    return min(y0), min(x0), max(y1), max(x1)


@lru_cache(maxsize=2000)
def _rounded(high: int, wide: int, radius: int) -> NDArray[np.uint8]:
    """Coverage uint8 [high, wide] of a box with round corners, averaged over 4 x 4 points per pixel."""
    radius = min(radius, high // 2, wide // 2)
    points = [np.arange(4 * side) * 2 + 1 for side in (high, wide)]  # in eighths of a pixel
    inner = [np.clip(at, 8 * radius, 8 * (side - radius)) - at for at, side in zip(points, (high, wide), strict=True)]
    inside = inner[0][:, None] ** 2 + inner[1][None] ** 2 <= (8 * radius) ** 2
    coverage: NDArray[np.uint8] = (inside.reshape(high, 4, wide, 4).sum(axis=(1, 3)) * 255 // 16).astype(np.uint8)
    return coverage


@lru_cache(maxsize=64)
def _noise(seed: int, size: int) -> NDArray[np.int16]:
    """Noise int16 [size, size] between -16 and 16."""
    rng = np.random.Generator(np.random.PCG64([3, seed, size]))
    return rng.integers(-16, 17, (size, size)).astype(np.int16)
