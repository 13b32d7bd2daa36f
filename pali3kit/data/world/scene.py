"""The description of one image of the embedded world: things, signs and where they are.

Boxes are `(y0, x0, y1, x1)` in integer pixels, half open. Fields with a default are needed for drawing only.
"""

from __future__ import annotations

from dataclasses import dataclass

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class SceneThing:
    """One drawn object. `box` is tight around its visible pixels; `tile` names the colour of the disc under it."""

    emoji: str
    box: Box
    scale: str  # "small" or "big"
    tile: str | None
    place: tuple[int, int] = (0, 0)  # (y, x) of the drawing's top left corner
    size: int = 0  # longer side of the whole drawing, pixels

    @property
    def centre(self) -> tuple[float, float]:
        """`(y, x)` of the middle of the box, in pixels."""
        return _centre(self.box)


@dataclass(frozen=True, slots=True)
class Sign:
    """One printed word on a plate of a named colour; `box` is the plate's."""

    word: str
    colour: str
    box: Box
    letter: int = 0  # height of its letters, pixels

    @property
    def centre(self) -> tuple[float, float]:
        """`(y, x)` of the middle of the box, in pixels."""
        return _centre(self.box)


@dataclass(frozen=True, slots=True)
class Scene:
    """One image: everything that `World.render` needs to draw it and that a caption or question may mention.

    Things are in drawing order: a later one covers an earlier one. Signs are never covered.
    """

    split: str  # "train" or "test"
    index: int
    size: int  # side length of the image, pixels
    artist: str  # "noto" or "twemoji"
    background: str  # colour name
    texture: str
    things: tuple[SceneThing, ...]
    signs: tuple[Sign, ...]
    shade: int = 0  # added to all channels of the background
    cut: tuple[int, int, int] = (0, 0, 0)  # which sample of the texture, and (y, x) of the crop

    @property
    def attributes(self) -> dict[str, str]:
        """Properties by which scores may be sliced, in place of what public sets tell of people."""
        disc = any(thing.tile is not None for thing in self.things)
        return {"artist": self.artist, "background": self.background, "disc": "with" if disc else "without"}


def _centre(box: Box) -> tuple[float, float]:
    y0, x0, y1, x1 = box
    return (y0 + y1) / 2, (x0 + x1) / 2
