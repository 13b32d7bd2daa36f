"""What is known of one picture of the embedded world: objects, signs, places.

Boxes are `(y0, x0, y1, x1)` in integer pixels, half open.
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

    @property
    def centre(self) -> tuple[float, float]:
        """`(y, x)` of the middle of the box, in pixels."""
        y0, x0, y1, x1 = self.box
        return (y0 + y1) / 2, (x0 + x1) / 2


@dataclass(frozen=True, slots=True)
class Sign:
    """One printed word on a plate of a named colour."""

    word: str
    colour: str
    box: Box


@dataclass(frozen=True, slots=True)
class Scene:
    """One picture: what `World.render` needs to draw it again, and all that a question may ask."""

    split: str  # "train" or "test"
    index: int
    size: int  # side length of the picture, pixels
    artist: str  # "noto" or "twemoji"
    background: str  # colour name
    texture: str
    things: tuple[Thing, ...]
    signs: tuple[Sign, ...]
