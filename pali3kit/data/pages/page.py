"""The contract of pages: what one contains, and what a kind of page must be able to do.

Boxes are `(y0, x0, y1, x1)` in integer pixels, half open, as in `pali3kit.data.world.scene`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.world.chance import Draw
from pali3kit.data.world.questions import Question
from pali3kit.data.world.scene import Box

if TYPE_CHECKING:
    from pali3kit.data.pages.canvas import Canvas
    from pali3kit.data.pages.lexicon import Lexicon

F = TypeVar("F")  # the facts of a kind of page: a frozen dataclass


@dataclass(frozen=True, slots=True)
class PrintedWord:
    """One printed word in logical order, as a reader writes it; `box` is tight around its ink."""

    text: str
    box: Box


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn page: RGB uint8 [H, W, 3], and its printed words in reading order."""

    image: NDArray[np.uint8]
    words: tuple[PrintedWord, ...]


@dataclass(frozen=True, slots=True)
class Page:
    """Everything known about one page before it is drawn. `Pages.draw` draws it."""

    kind: str
    split: str  # "train" or "test"
    index: int
    size: int  # side of the square image, pixels
    facts: Any  # the kind's own frozen dataclass
    questions: tuple[Question, ...]
    captions: tuple[str, ...]


@dataclass(frozen=True)
class PageKind(Generic[F]):
    """A kind of page.

    All random decisions about content, layout and colours are in the facts, so that drawing is a pure function of them.

    Attributes:
        name: such as "receipt".
        summary: one line for listings.
        sample: `(lexicon, draw, size) -> facts`. Words, numbers and layouts come from the lexicon, which keeps those of
            the splits apart. At a small size there are fewer items, since text must stay legible.
        draw: `(facts, canvas) -> None`. The canvas records the printed words in the order in which they are drawn.
        questions: `(facts, draw) -> questions`, each with one of several phrasings; answers are as printed.
        captions: `(facts, draw) -> captions`, short sentences about the page.
    """

    name: str
    summary: str
    sample: Callable[[Lexicon, Draw, int], F]
    draw: Callable[[F, Canvas], None]
    questions: Callable[[F, Draw], list[Question]]
    captions: Callable[[F, Draw], list[str]]


def ask(text: str, answer: str, kind: str, *also: str) -> Question:
    """A question with its answer and others that are accepted.

    Kinds: "text" (invented words and numbers, which must be read: train and test share none), "choice" (one of a closed
    list, or an item found by comparison), "number" (counted or computed), "yes/no".
    """
    return Question(text, answer, (answer, *also), kind)
