"""A reader of drawn pages that knows only the printed words, their boxes and the pixels, not the facts."""

from __future__ import annotations

import functools
import re

import numpy as np

from pali3kit.data.pages.page import Drawing, Page, PrintedWord
from pali3kit.data.pages.pages import Pages


@functools.cache
def drawn_pages(kind: str, count: int, size: int = 128) -> list[tuple[Page, Drawing]]:
    """Pages of both splits in turn, with their drawings."""
    pages = Pages([kind], size)
    found = [pages.page(("train", "test")[index % 2], kind, index) for index in range(count)]
    return [(page, pages.draw(page)) for page in found]


def middle(word: PrintedWord) -> tuple[float, float]:
    y0, x0, y1, x1 = word.box
    return (y0 + y1) / 2, (x0 + x1) / 2


def read_lines(words: tuple[PrintedWord, ...]) -> list[list[PrintedWord]]:
    """The words by printed line from top to bottom, each line from left to right."""
    lines: list[list[PrintedWord]] = []
    for word in sorted(words, key=lambda word: middle(word)[0]):
        y0, _, y1, _ = word.box
        if lines and min(y1, lines[-1][-1].box[2]) - max(y0, lines[-1][-1].box[0]) > 0.5 * min(
            y1 - y0, lines[-1][-1].box[2] - lines[-1][-1].box[0]
        ):
            lines[-1].append(word)
        else:
            lines.append([word])
    return [sorted(line, key=lambda word: word.box[1]) for line in lines]


def text_of(words: list[PrintedWord]) -> str:
    return " ".join(word.text for word in words)


def number_in(text: str) -> int:
    """The digits of a printed amount as one number: "$3.20" is 320."""
    return int(re.sub(r"\D", "", text))


def darkness(drawing: Drawing, y: int, x: int) -> float:
    """How much darker than the brightest pixel of the image the 3 x 3 pixels around a point are."""
    grey = drawing.image.astype(np.float64).mean(axis=2)
    return float(np.percentile(grey, 95) - grey[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2].mean())
