"""Invented words, names, numbers, dates and layouts, disjoint between train and test.

A checksum of what is printed decides to which split it belongs: every fifth word, number or layout is for test. Test
can thus be read but not guessed, and its letters, syllables and digits all occur in train.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar
from zlib import crc32

from pali3kit.data.pages.scripts import LETTERS
from pali3kit.data.world.chance import Draw, pick
from pali3kit.errors import DataError, nearest

T = TypeVar("T")

SPLITS: tuple[str, ...] = ("train", "test")
TEST_EVERY = 5  # every fifth item is for test
CONSONANTS: dict[str, str] = {
    "latin": "bdfgklmnprstvz", "greek": "βγδζκλμνπρστφχ", "cyrillic": "бвгджзклмнпрстфшч",
    "hebrew": "אבגדהזחטכלמנספצקרשת", "arabic": "بتجدرسشعفقكلمنهحطخ",
}  # fmt: skip
VOWELS: dict[str, str] = {"latin": "aeiou", "greek": "αεηιου", "cyrillic": "аеиоуя", "hebrew": "וי", "arabic": "اوي"}
MONTHS: tuple[str, ...] = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
CURRENCIES: tuple[str, ...] = ("$", "€", "£")
_EXCLUDED = (
    "suka", "kaka", "puta", "puto", "nazi", "kike", "dago", "rape", "pedo", "pene", "teta", "pipi", "nig", "fag", "tit",
    "dik", "pis", "жопа", "сука", "лох", "мат", "зад", "name", "date", "code", "size", "note", "page", "file", "save",
    "home", "more", "sale", "title", "total", "done", "life", "delete",
)  # fmt: skip
"""What an invented word must not contain: rude words, and ordinary ones that pages use as labels."""
_FINAL = str.maketrans({"כ": "ך", "מ": "ם", "נ": "ן", "פ": "ף", "צ": "ץ"})  # Hebrew letters at the end of a word


def owner(printed: str) -> str:
    """The split to which a printed word, number or layout belongs."""
    return "test" if crc32(printed.encode()) % TEST_EVERY == 0 else "train"


class Lexicon:
    """What may be printed on the pages of one split.

    Methods take a uniform random `draw`. Shared by both splits are the ordinary words of labels and headings, and
    numbers of one digit.
    """

    def __init__(self, split: str) -> None:
        if split not in SPLITS:
            raise DataError(f"no split {split!r} of pages.{nearest(split, SPLITS)}")
        self.split = split

    def own(self, make: Callable[[], T], printed: Callable[[T], str] = str) -> T:
        """The first of what `make` gives whose printed form belongs to the split."""
        while owner(printed(item := make())) != self.split:
            continue
        return item

    def word(self, draw: Draw, syllables: int = 2) -> str:
        """A pronounceable Latin word in lower case, four letters by default."""
        return self._word(lambda: _latin(draw, syllables))

    def name(self, draw: Draw, syllables: int = 2) -> str:
        """A word with a capital: a person's or a company's name, a place, a product."""
        return self.word(draw, syllables).capitalize()

    def full_name(self, draw: Draw) -> str:
        """First and last name."""
        return f"{self.name(draw)} {self.name(draw)}"

    def names(self, draw: Draw, count: int, syllables: int = 2) -> tuple[str, ...]:
        """Different names."""
        return self.distinct(lambda: self.name(draw, syllables), count)

    def foreign(self, draw: Draw, script: str, letters: int = 4) -> str:
        """A word in one of `scripts.SCRIPTS`, consonants and vowels in turn."""
        return self._word(lambda: _foreign(draw, script, letters))

    def number(self, draw: Draw, low: int, high: int) -> int:
        """An integer from `low` to `high`, both included; the splits share those of one digit."""
        while (found := low + int(draw() * (high - low + 1))) > 9 and owner(str(found)) != self.split:
            continue
        return found

    def cents(self, draw: Draw, low: int, high: int) -> int:
        """An amount in cents from `low` to `high`, to be printed by `amount`."""
        return self.own(lambda: low + int(draw() * (high - low + 1)), amount)

    def date(self, draw: Draw, style: int = 0) -> str:
        """A date as "4 Mar 2019", "04/03/2019", "2019-03-04" or "Mar 4, 2019" (`style` 0 to 3)."""
        day = self.own(lambda: (int(draw() * 28) + 1, int(draw() * 12) + 1, int(draw() * 40) + 1990), str)
        return date_text(*day, style)

    def layout(self, draw: Draw, *axes: int) -> tuple[int, ...]:
        """A combination of choices, one number below each of `axes`; the splits have different combinations."""
        return self.own(lambda: tuple(int(draw() * count) for count in axes))

    def distinct(self, make: Callable[[], T], count: int) -> tuple[T, ...]:
        """`count` different things that `make` gives."""
        found: list[T] = []
        while len(found) < count:
            item = make()
            if item not in found:
                found.append(item)
        return tuple(found)

    def _word(self, make: Callable[[], str]) -> str:
        """A word of the split without an excluded one in it."""
        word = self.own(make)
        while any(excluded in word for excluded in _EXCLUDED):
            word = self.own(make)
        return word


def amount(cents: int) -> str:
    """`320` -> `"3.20"`."""
    return f"{cents // 100}.{cents % 100:02}"


def date_text(day: int, month: int, year: int, style: int) -> str:
    """A date in one of four styles, as `Lexicon.date` lists them."""
    named = MONTHS[month - 1]
    return (
        f"{day} {named} {year}", f"{day:02}/{month:02}/{year}", f"{year}-{month:02}-{day:02}", f"{named} {day}, {year}"
    )[style]  # fmt: skip


def _latin(draw: Draw, syllables: int) -> str:
    return "".join(pick(CONSONANTS["latin"], draw) + pick(VOWELS["latin"], draw) for _ in range(syllables))


def _foreign(draw: Draw, script: str, letters: int) -> str:
    kinds: Sequence[str] = (CONSONANTS[script], VOWELS[script])
    if script == "hebrew":  # written with few vowels
        word = "".join(pick(kinds[i > 0 and draw() < 0.25], draw) for i in range(letters))
        return word[:-1] + word[-1].translate(_FINAL)
    word = "".join(pick(kinds[i % 2], draw) for i in range(letters))
    assert set(word) <= set(LETTERS[script])
    return word
