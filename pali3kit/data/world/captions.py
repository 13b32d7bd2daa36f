"""Alt-texts of scenes in 36 languages: noisy ones to train on, complete ones as references.

English captions are templates over the names of the things, with counts, sizes, discs, relations, the background and
the printed words. Other languages have what CLDR gives: names, list patterns and quotation marks.
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
from pali3kit.data.world.scene import Scene, Sign, Thing

LONGEST = 20  # words
WORD_SHARE = 0.8  # of the captions of scenes with a sign mention a printed word
UNSPACED = ("ja", "th", "zh")

_OPENINGS = ("", "", "", "a picture of ", "an image of ", "a drawing with ")
_BACKDROPS = (" on {a} background", " on {colour}", ", {colour} background")
_Groups = list[tuple[Thing, ...]]  # things of one name


class _Style(NamedTuple):
    """How an English caption is dressed."""

    decorated: bool = False  # sizes and discs
    related: bool = False  # a relation between the first two
    opening: str = ""
    ending: str = ""


_PLAIN = _Style()


def caption(scene: Scene, language: str, rng: np.random.Generator) -> str:
    """One plausible alt-text, lower case, at most about 20 words: order varies, a thing may be left out."""
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
    while len(groups) > 1 and _length(text) > LONGEST:
        groups.pop()
        text = _english(scene, groups, signs, _PLAIN, draw)
    return text


def references(scene: Scene, language: str) -> tuple[str, ...]:
    """Five references for English, three for other languages; complete, varied and always the same for a scene.

    Three of the five (two of the three) mention the printed words, where there are any.
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
    """Text as space-separated units for n-gram metrics such as CIDEr.

    Chinese, Japanese and Thai, written without spaces, are split into characters, as Crossmodal-3600's field
    `caption/tokenized` splits them into units: marks stay with their base, runs of Latin letters and digits stay whole,
    punctuation is dropped. Texts of other languages are returned as they are.
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


@cache
def lowered(emoji: str, language: str) -> str:
    """Name of an emoji in lower case, by the language's own rules (Turkish has a dotless i)."""
    name = names.name(emoji, language)
    return (name.replace("İ", "i").replace("I", "ı") if language == "tr" else name).lower()


def _listed(groups: _Groups, signs: Sequence[Sign], language: str) -> str:
    items = [lowered(group[0].emoji, language) for group in groups]
    opening, closing = _quotes(language)
    items += [f"{opening}{sign.word}{closing}" for sign in signs]
    return _pattern(language).join(items)


def _concise(scene: Scene, groups: _Groups, signs: Sequence[Sign], style: _Style, draw: Draw) -> str:
    """In this style if that is not too long, else plainly."""
    text = _english(scene, groups, signs, style, draw)
    return text if _length(text) <= LONGEST else _english(scene, groups, signs, _PLAIN, draw)


def _english(scene: Scene, groups: _Groups, signs: Sequence[Sign], style: _Style, draw: Draw) -> str:
    dressed = _decorated if style.decorated else _plain
    items = [dressed(group, draw) for group in groups]
    if style.related:
        items = _with_relation(scene, groups, items)
    for sign in signs:
        items.insert(0 if draw() < 0.25 else len(items), _says(sign, draw))
    return style.opening + english.listing(items) + style.ending


@cache
def _backdrops(colour: str) -> list[str]:
    return [template.format(a=english.article(colour), colour=colour) for template in _BACKDROPS]


def _plain(group: tuple[Thing, ...], draw: Draw) -> str:
    return english.counted(vocabulary.noun(group[0].emoji), len(group))


def _decorated(group: tuple[Thing, ...], draw: Draw) -> str:
    """`"a small cat"`, `"a cat on a red disc"`, `"two cats"`."""
    thing = group[0]
    if len(group) > 1:
        return _plain(group, draw)
    noun = vocabulary.noun(thing.emoji)
    if thing.tile and draw() < 0.6:
        return f"{english.a(noun)} on {english.article(thing.tile)} disc"
    return english.a(f"{thing.scale} {noun}")


def _with_relation(scene: Scene, groups: _Groups, items: list[str]) -> list[str]:
    """Joins the first two items as `"a cat left of an apple"` where that is clear to see."""
    if len(groups) < 2 or len(groups[0]) > 1 or len(groups[1]) > 1:
        return items
    this, that = groups[0][0].centre, groups[1][0].centre
    for relation in clues.RELATIONS:
        if clues.lies(this, relation, that, scene.size) == clues.CLEARLY:
            return [f"{items[0]} {relation} {items[1]}", *items[2:]]
    return items


def _says(sign: Sign, draw: Draw) -> str:
    form = draw()
    if form < 0.4:
        return f"a sign that says {sign.word}"
    if form < 0.7:
        return f"{english.article(sign.colour)} sign that says {sign.word}"
    return f"the word {sign.word}" if form < 0.85 else f"a sign reading {sign.word}"


def _grouped(things: Sequence[Thing]) -> _Groups:
    groups: dict[str, tuple[Thing, ...]] = {}
    for thing in things:
        groups[thing.emoji] = (*groups.get(thing.emoji, ()), thing)
    return list(groups.values())


def _length(text: str) -> int:
    return text.count(" ") + 1


@cache
def _quotes(language: str) -> tuple[str, str]:
    return names.quotes(language)


@cache
def _pattern(language: str) -> names.ListPattern:
    return names.list_pattern(language)
