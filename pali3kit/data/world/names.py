"""Human-given names of the pictures in 36 languages, and how each language joins and quotes.

Names, keywords, list patterns and quotation marks are Unicode CLDR's; groups are the Unicode emoji list's.
An emoji is written fully qualified, as `emoji()` lists it.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict, TypeVar

from pali3kit.data.world.languages import LANGUAGES
from pali3kit.errors import DataError, nearest

__all__ = [
    "LANGUAGES",
    "ListPattern",
    "category",
    "emoji",
    "join",
    "keywords",
    "list_pattern",
    "name",
    "names",
    "quotes",
    "subgroup",
    "toned",
]

T = TypeVar("T")
ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True)
class ListPattern:
    """CLDR list patterns, each with `{0}` and `{1}`: for two items; for the start, middle and end of longer lists."""

    two: str
    start: str
    middle: str
    end: str

    def join(self, items: Sequence[str]) -> str:
        """`["a", "b", "c"]` -> `"a, b, and c"` in the language's way (Unicode TR 35, part 2, list patterns)."""
        if len(items) < 2:
            return "".join(items)
        if len(items) == 2:
            return self._fill(self.two, items[0], items[1])
        text = self._fill(self.end, items[-2], items[-1])
        for item in reversed(items[1:-2]):
            text = self._fill(self.middle, item, text)
        return self._fill(self.start, items[0], text)

    @staticmethod
    def _fill(pattern: str, first: str, second: str) -> str:
        head, tail = pattern.split("{0}")
        return head + first + tail.replace("{1}", second)


class Table(TypedDict):
    """What is packed: lists are in the order of the pictures, mappings are by language."""

    emoji: list[str]
    category: list[str]
    subgroup: list[str]
    toned: list[list[str]]
    keywords: list[list[str]]
    names: dict[str, list[str]]
    punctuation: dict[str, dict[str, list[str]]]


@cache
def _table() -> Table:
    with lzma.open(ASSETS / "names.json.xz") as file:
        table: Table = json.load(file)
    return table


@cache
def _order() -> dict[str, int]:
    return {one: position for position, one in enumerate(_table()["emoji"])}


def _position(one: str) -> int:
    try:
        return _order()[one]
    except KeyError:
        raise DataError(
            f"no picture {one!r} in the embedded world; pali3kit.data.world.names.emoji() lists them"
        ) from None


def _of_language(known: Mapping[str, T], language: str) -> T:
    try:
        return known[language]
    except KeyError:
        raise DataError(f"no language {language!r} in the embedded world.{nearest(language, LANGUAGES)}") from None


@cache
def emoji() -> tuple[str, ...]:
    """Every named picture, in the order of the atlas."""
    return tuple(_table()["emoji"])


@cache
def toned() -> tuple[tuple[str, str], ...]:
    """`(picture, base)` in five skin tones, light to dark for each base; they follow `emoji()` in the atlas."""
    return tuple((one, base) for one, base in _table()["toned"])


def name(one: str, language: str) -> str:
    """The picture's short name; the territory's name for a flag."""
    return _of_language(_table()["names"], language)[_position(one)]


def names(language: str) -> tuple[str, ...]:
    """Names of all pictures in the order of `emoji()`."""
    return tuple(_of_language(_table()["names"], language))


def keywords(one: str) -> tuple[str, ...]:
    """English keywords, as people search for the picture."""
    return tuple(_table()["keywords"][_position(one)])


def category(one: str) -> str:
    """One of nine groups, such as `"Animals & Nature"`."""
    return _table()["category"][_position(one)]


def subgroup(one: str) -> str:
    """One of about a hundred finer groups, such as `"animal-mammal"`."""
    return _table()["subgroup"][_position(one)]


def list_pattern(language: str) -> ListPattern:
    """How the language writes "a, b and c"."""
    return ListPattern(*_of_language(_table()["punctuation"], language)["list"])


def join(items: Sequence[str], language: str) -> str:
    """Items as one list in the language."""
    return list_pattern(language).join(items)


def quotes(language: str) -> tuple[str, str]:
    """Opening and closing quotation mark."""
    start, end = _of_language(_table()["punctuation"], language)["quotes"]
    return start, end
