"""A reader that misses words and misreads characters at a known rate."""

from __future__ import annotations

import numpy as np
import pytest

from pali3kit.data.pages.ocr import misread
from pali3kit.data.pages.page import PrintedWord
from pali3kit.data.pages.scripts import script_of

WORDS = [
    PrintedWord("Total", (0, 0, 9, 30)),
    PrintedWord("£12.50", (0, 40, 9, 70)),
    PrintedWord("няр", (20, 0, 29, 30)),
] * 400


def test_without_errors_all_is_read() -> None:
    read = misread(WORDS, 0.0, np.random.default_rng(0))
    assert [(word.text, word.box) for word in read] == [(word.text, word.box) for word in WORDS]


def test_with_nothing_but_errors_nothing_is_read() -> None:
    assert misread(WORDS, 1.0, np.random.default_rng(0)) == ()


@pytest.mark.parametrize("errors", [0.02, 0.1, 0.3])
def test_the_rates_are_those_that_are_asked_for(errors: float) -> None:
    """Boxes are unique here, so that words and characters can be told apart."""
    words = [PrintedWord("abcdefghij", (number, 0, number + 1, 9)) for number in range(1500)]
    read = {word.box: word.text for word in misread(words, errors, np.random.default_rng(1))}
    assert 1 - len(read) / len(words) == pytest.approx(errors, abs=0.03)
    right = sum(letter in text for text in read.values() for letter in "abcdefghij") / (10 * len(read))
    assert 1 - right == pytest.approx(errors, abs=0.025), "a letter that is missing or replaced"
    kept = sum(map(len, read.values())) / (10 * len(read))
    assert 1 - kept == pytest.approx(errors / 2, abs=0.02), "a half of these is missing"


def test_characters_are_replaced_by_others_of_their_alphabet() -> None:
    for word in misread(WORDS, 0.3, np.random.default_rng(2)):
        assert script_of(word.text) == ("cyrillic" if word.box == (20, 0, 29, 30) else "latin")
        if word.box == (0, 40, 9, 70):
            assert set(word.text) <= set("£.0123456789")
