"""Captions of scenes in 36 languages: noisy ones for training, complete ones as references.

English captions are templates over the names of the things, with counts, sizes, discs, relations, the background and
the printed words. Captions in other languages are lists: CLDR has names, list patterns and quotation marks.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple
from zlib import crc32

import numpy as np

from pali3kit.data.world import clues, english, names, vocabulary
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.scene import Scene, SceneThing, Sign

MAX_WORDS = 20
WORD_SHARE = 0.8  # of the captions of scenes with a sign mention a printed word
UNSPACED = ("ja", "th", "zh")  # languages written without spaces between words
_NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")

_OPENINGS = ("", "", "", "a picture of ", "an image of ", "a drawing with ")
_BACKDROPS = (" on {a} background", " on {colour}", ", {colour} background")
_Groups = list[tuple[SceneThing, ...]]  # things grouped by name


class _Style(NamedTuple):
    """Which optional parts an English caption has."""

    decorated: bool = False  # sizes and discs
    related: bool = False  # the relation between the first two things
    opening: str = ""
    ending: str = ""


_PLAIN = _Style()


def sample_caption(scene: Scene, language: str, rng: np.random.Generator) -> str:
    """A random alt-text, lower case, of at most about 20 words; the order varies and a thing may be left out."""
    draw = rng.random
    groups = shuffled(_grouped(scene.things), draw)
    if len(groups) > 1 and draw() < 0.25:
        groups.pop()
    signs = (pick(scene.signs, draw),) if scene.signs and draw() < WORD_SHARE else ()
    if language != "en":
        return _listed(groups, signs, language)
    decorated, related, backdrop = draw() < 0.4, draw() < 0.3, draw() < 0.25
    opening = pick(_OPENINGS, draw)
    ending = pick(_backdrops(scene.background), draw) if backdrop else ""
    text = _concise(scene, groups, signs, _Style(decorated, related, opening, ending), draw)
    while len(groups) > 1 and _length(text) > MAX_WORDS:
        groups.pop()
        text = _english(scene, groups, signs, _PLAIN, draw)
    return text


def references(scene: Scene, language: str) -> tuple[str, ...]:
    """Five references for English, three for other languages: complete, varied, and a pure function of the scene.

    Three of the five (two of the three) mention the printed words, if there are any.
    """
    draw = np.random.default_rng((scene.index, crc32(f"{scene.split} {language}".encode()))).random
    groups = _grouped(tuple(sorted(scene.things, key=lambda thing: thing.centre[::-1])))
    orders = [groups] + [shuffled(groups, draw) for _ in range(4)]
    if language != "en":
        return tuple(_listed(orders[i], scene.signs if i != 1 else (), language) for i in range(3))
    first, second, third = _backdrops(scene.background)
    return (
        _english(scene, orders[0], scene.signs, _PLAIN, draw),
        _concise(scene, orders[1], (), _Style(opening="a picture of ", ending=third), draw),
        _concise(scene, orders[2], scene.signs, _Style(decorated=True), draw),
        _concise(scene, orders[3], (), _Style(related=True, ending=first), draw),
        _concise(scene, orders[4], scene.signs, _Style(opening="an image of ", ending=second), draw),
    )


def tokenized(text: str, language: str) -> str:
    """Separate a text into units by spaces, for n-gram metrics such as CIDEr.

    Chinese, Japanese and Thai are written without spaces. They are split into characters, similar to the units of
    Crossmodal-3600's `caption/tokenized`: combining marks stay with their base, runs of Latin letters and digits stay
    whole, punctuation is dropped. Texts in other languages are returned unchanged.
    """
    if language not in UNSPACED:
        return text
    units: list[str] = []
    latin = False
    for character in text:
        category = unicodedata.category(character)[0]
        continues = (character.isascii() and character.isalnum() and latin) or (category == "M" and units)
        if continues:
            units[-1] += character
        elif category not in "PZC":
            units.append(character)
        latin = character.isascii() and character.isalnum()
    return " ".join(units)


def _listed(groups: _Groups, signs: Sequence[Sign], code: str) -> str:
    """Names and printed words as a list in a language."""
    language = names.in_language(code)
    opening, closing = language.quotes
    items = [language.lower_name(group[0].emoji) for group in groups]
    items += [f"{opening}{sign.word}{closing}" for sign in signs]
    return language.join(items)


def _concise(scene: Scene, groups: _Groups, signs: Sequence[Sign], style: _Style, draw: Draw) -> str:
    """A caption in this style, or a plain one if that is too long."""
    text = _english(scene, groups, signs, style, draw)
    return text if _length(text) <= MAX_WORDS else _english(scene, groups, signs, _PLAIN, draw)


def _english(scene: Scene, groups: _Groups, signs: Sequence[Sign], style: _Style, draw: Draw) -> str:
    describe = _decorated if style.decorated else _plain
    items = [describe(group, draw) for group in groups]
    if style.related:
        items = _with_relation(scene, groups, items)
    for sign in signs:
        items.insert(0 if draw() < 0.25 else len(items), _sign_phrase(sign, draw))
    return style.opening + _join_with_and(items) + style.ending


@cache
def _backdrops(colour: str) -> list[str]:
    return [template.format(a=english.with_article(colour), colour=colour) for template in _BACKDROPS]


def _plain(group: tuple[SceneThing, ...], draw: Draw) -> str:
    return _counted(vocabulary.noun(group[0].emoji), len(group))


def _decorated(group: tuple[SceneThing, ...], draw: Draw) -> str:
    """`"a small cat"`, `"a cat on a red disc"`, `"two cats"`."""
    thing = group[0]
    if len(group) > 1:
        return _plain(group, draw)
    noun = vocabulary.noun(thing.emoji)
    if thing.tile and draw() < 0.6:
        return f"{english.indefinite(noun)} on {english.with_article(thing.tile)} disc"
    return english.indefinite(f"{thing.scale} {noun}")


def _with_relation(scene: Scene, groups: _Groups, items: list[str]) -> list[str]:
    """Join the first two items as `"a cat left of an apple"`, if the relation is clear."""
    if len(groups) < 2 or len(groups[0]) > 1 or len(groups[1]) > 1:
        return items
    this, that = groups[0][0].centre, groups[1][0].centre
    for relation in clues.RELATIONS:
        if clues.how_clearly(this, relation, that, scene.size) == clues.CLEARLY:
            return [f"{items[0]} {relation} {items[1]}", *items[2:]]
    return items


def _sign_phrase(sign: Sign, draw: Draw) -> str:
    form = draw()
    if form < 0.4:
        return f"a sign that says {sign.word}"
    if form < 0.7:
        return f"{english.with_article(sign.colour)} sign that says {sign.word}"
    return f"the word {sign.word}" if form < 0.85 else f"a sign reading {sign.word}"


def _grouped(things: Sequence[SceneThing]) -> _Groups:
    groups: dict[str, tuple[SceneThing, ...]] = {}
    for thing in things:
        groups[thing.emoji] = (*groups.get(thing.emoji, ()), thing)
    return list(groups.values())


def _counted(noun: str, count: int) -> str:
    """`"a cat"`, `"two cats"`; substances are not counted: `"popcorn"`."""
    if count == 1 or not english.is_countable(noun):
        return english.indefinite(noun)
    return f"{_NUMBERS[count]} {english.plural(noun)}"


def _join_with_and(items: list[str]) -> str:
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _length(text: str) -> int:
    return text.count(" ") + 1
