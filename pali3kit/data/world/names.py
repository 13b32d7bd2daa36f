"""Names of the emoji in 36 languages, and how each language writes lists and quotes.

Names, keywords, list patterns and quotation marks come from Unicode CLDR, categories from the Unicode emoji list. An
emoji is written fully qualified, as `emoji()` lists it.
"""

from __future__ import annotations

import json
import lzma
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypedDict

from pali3kit.data.world.languages import LANGUAGES
from pali3kit.errors import DataError, nearest

__all__ = ["LANGUAGES", "category", "emoji", "english_keywords", "in_language", "skin_toned", "subgroup"]

ASSETS = Path(__file__).parent / "assets"


@dataclass(frozen=True, slots=True)
class _Language:
    """Names of the emoji in one language, its list patterns and its quotation marks.

    `names` are in the order of `emoji()`. List patterns contain `{0}` and `{1}`: `pair` is for two items; `start`,
    `middle` and `end` are for longer lists. `quotes` are the opening and the closing mark.
    """

    code: str
    names: tuple[str, ...]
    pair: str
    start: str
    middle: str
    end: str
    quotes: tuple[str, str]

    def name(self, one: str) -> str:
        """The short name of an emoji; for a flag, that of its territory."""
        return self.names[_position(one)]

    def lower_name(self, one: str) -> str:
        """The name in lower case, by the language's rules: Turkish has a dotless i."""
        name = self.name(one)
        return (name.replace("İ", "i").replace("I", "ı") if self.code == "tr" else name).lower()

    def join(self, items: Sequence[str]) -> str:
        """`["a", "b", "c"]` -> `"a, b, and c"`, as the language writes it (Unicode TR 35, part 2, list patterns)."""
        if len(items) < 2:
            return "".join(items)
        if len(items) == 2:
            return _fill(self.pair, items[0], items[1])
        text = _fill(self.end, items[-2], items[-1])
        for item in reversed(items[1:-2]):
            text = _fill(self.middle, item, text)
        return _fill(self.start, items[0], text)


def _fill(pattern: str, first: str, second: str) -> str:
    head, tail = pattern.split("{0}")
    return head + first + tail.replace("{1}", second)


class _Table(TypedDict):
    """The packed file: lists are in the order of the emoji, mappings are by language."""

    emoji: list[str]
    category: list[str]
    subgroup: list[str]
    toned: list[list[str]]
    keywords: list[list[str]]
    names: dict[str, list[str]]
    punctuation: dict[str, dict[str, list[str]]]


@cache
def _table() -> _Table:
    with lzma.open(ASSETS / "names.json.xz") as file:
        table: _Table = json.load(file)
    return table


@cache
def _order() -> dict[str, int]:
    return {one: position for position, one in enumerate(_table()["emoji"])}


def _position(one: str) -> int:
    try:
        return _order()[one]
    except KeyError:
        raise DataError(
            f"no emoji {one!r} in the embedded world; pali3kit.data.world.names.emoji() lists them"
        ) from None


@cache
def in_language(code: str) -> _Language:
    """One of the 36 languages. Raises DataError for another code."""
    if code not in LANGUAGES:
        raise DataError(f"no language {code!r} in the embedded world.{nearest(code, LANGUAGES)}")
    punctuation = _table()["punctuation"][code]
    opening, closing = punctuation["quotes"]
    pair, start, middle, end = punctuation["list"]
    return _Language(code, tuple(_table()["names"][code]), pair, start, middle, end, (opening, closing))


@cache
def emoji() -> tuple[str, ...]:
    """Every named emoji, in the order of the atlas."""
    return tuple(_table()["emoji"])


@cache
def skin_toned() -> tuple[tuple[str, str], ...]:
    """`(variant, base)` for the five skin tones of each base, light to dark; they follow `emoji()` in the atlas."""
    return tuple((one, base) for one, base in _table()["toned"])


def english_keywords(one: str) -> tuple[str, ...]:
    """English search keywords of an emoji."""
    return tuple(_table()["keywords"][_position(one)])


def category(one: str) -> str:
    """One of nine categories, such as `"Animals & Nature"`."""
    return _table()["category"][_position(one)]


def subgroup(one: str) -> str:
    """One of about a hundred subgroups, such as `"animal-mammal"`."""
    return _table()["subgroup"][_position(one)]
