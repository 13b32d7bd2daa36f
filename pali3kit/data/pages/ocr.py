"""A noisy reader of known error rate, which stands for an external OCR system on pages."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pali3kit.data.pages.page import PrintedWord
from pali3kit.data.pages.scripts import LETTERS
from pali3kit.data.record import Word

_DIGITS = "0123456789"
_ALPHABETS = (*LETTERS.values(), *(letters.upper() for letters in LETTERS.values()), _DIGITS)


def misread(words: Iterable[PrintedWord], errors: float, rng: np.random.Generator) -> tuple[Word, ...]:
    """The words as a reader with a share of `errors` has them, with their boxes (y0, x0, y1, x1) and in their order.

    That share of words is missing, and that share of the characters of the others is wrong: one half is missing, the
    other is another character of the same alphabet and case, or another digit. Signs such as "." are only missed. A
    word of which nothing is left is missing too.
    """
    found = []
    for word in words:
        if rng.random() >= errors and (text := "".join(_read(character, errors, rng) for character in word.text)):
            found.append(Word(text, word.box))
    return tuple(found)


def _read(character: str, errors: float, rng: np.random.Generator) -> str:
    if rng.random() >= errors:
        return character
    others = next((alphabet for alphabet in _ALPHABETS if character in alphabet), "").replace(character, "")
    return _pick(others, rng) if rng.random() < 0.5 else ""


def _pick(characters: Sequence[str], rng: np.random.Generator) -> str:
    return characters[int(rng.integers(len(characters)))] if characters else ""
