"""What is known of one picture of the embedded world: objects, signs, places.

Boxes are `(y0, x0, y1, x1)` in integer pixels, half open. Fields with a default matter for drawing only.
"""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Thing:
    """One drawn object. `box` is tight around its visible pixels; `tile` names the colour of the disc under it."""

    emoji: str
    box: Box
    scale: str  # "small" or "big"
    tile: str | None
    place: tuple[int, int] = (0, 0)  # (y, x) of the drawing's corner
    size: int = 0  # longer side of the whole drawing, pixels

    @property
    def centre(self) -> tuple[float, float]:
        """`(y, x)` of the middle of the box, in pixels."""
        y0, x0, y1, x1 = self.box
        return (y0 + y1) / 2, (x0 + x1) / 2


@dataclass(frozen=True, slots=True)
class Sign:
    """One printed word on a plate of a named colour; `box` is the plate's."""

    word: str
    colour: str
    box: Box
    letter: int = 0  # height of its letters, pixels


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: what `World.render` needs to draw it again, and all that a question may ask.

    Things are in drawing order: a later one covers an earlier one. Signs are never covered.
    """

    split: str  # "train" or "test"
    index: int
    size: int  # side length of the picture, pixels
    artist: str  # "noto" or "twemoji"
    background: str  # colour name
    texture: str
    things: tuple[Thing, ...]
    signs: tuple[Sign, ...]
    shade: int = 0  # added to the background's three channels
    cut: tuple[int, int, int] = (0, 0, 0)  # which sample of the texture, and (y, x) where it is cut out
