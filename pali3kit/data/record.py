"""One picture and all that is known of it, whatever file that came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np

from pali3kit.data.task import Box


@dataclass(frozen=True, slots=True)
class Word:
    """Text seen in the picture, one word or line, and its box in pixels where that is known."""

    text: str
    box: Box | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about the picture and all the answers that people gave, the most usual first."""

    text: str
    answers: tuple[str, ...]
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Thing:
    """An object: its class and box in pixels, what makes its mask (bool `[H,W]`), and what people call it.

    `crowd` marks a region of many objects, which is no example of one.
    """

    label: str
    box: Box
    mask: Callable[[], np.ndarray] | None = None
    expressions: tuple[str, ...] = ()
    crowd: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """`name` is what errors call it, `picture` reads its file; `captions` are by language code ("en").

    Boxes are (y0, x0, y1, x1), half open, on a picture of `size` (height, width) pixels, where a file says it: that
    tells whether they are of the picture as it is stored or as its EXIF turns it. Where nobody says it, they are of the
    picture as it is shown. `stored` says that they are of it as it is stored, which is what some publishers do.
    """

    name: str
    picture: Callable[[], bytes]
    size: tuple[int, int] | None = None
    captions: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    words: tuple[Word, ...] = ()
    questions: tuple[Asked, ...] = ()
    things: tuple[Thing, ...] = ()
    stored: bool = False

    @property
    def drawn_on(self) -> tuple[int, int] | None:
        """The size that the picture should have: None where nothing is drawn on it, or nobody says."""
        return self.size if self.things or any(word.box for word in self.words) else None
