"""Referring expressions for single things, in the manner of RefCOCO, RefCOCO+ and RefCOCOg (paper.md §3.3).

- `refer`: short; positions are allowed: `"left cat"`, `"the cat right of the apple"`.
- `refer_plus`: no positions: `"big cat"`, `"mammal on the red disc"`.
- `refer_g`: long; several attributes and relations: `"a big cat on the red disc that is left of the apple"`.

Every expression fits one thing and can be taken for no other (see `clues`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pali3kit.data.world import english
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.clues import SIDES, Clue, SceneClues, identifies
from pali3kit.data.world.scene import Scene
from pali3kit.errors import DataError, nearest

AMBIGUOUS_FIRST = 0.85  # chance to prefer targets with others of their kind in the image


@dataclass(frozen=True, slots=True)
class _Referral:
    """An expression and the index in `scene.things` of its referent."""

    text: str
    index: int


def expression(scene: Scene, flavour: str, rng: np.random.Generator) -> _Referral | None:
    """A random expression of a flavour, or None if no thing can be identified in that flavour.

    Things with others of their name or kind in the image are preferred: their name alone does not identify them.
    """
    if flavour not in _FLAVOURS:
        raise DataError(f"no flavour {flavour!r} of referring expressions.{nearest(flavour, _FLAVOURS)}")
    draw = rng.random
    for target in _targets(scene, draw):
        text = _FLAVOURS[flavour](scene, target, draw)
        if text:
            return _Referral(text, target)
    return None


def _targets(scene: Scene, draw: Draw) -> list[int]:
    order = shuffled(range(len(scene.things)), draw)
    if draw() < AMBIGUOUS_FIRST:
        order.sort(key=lambda i: SceneClues(scene).kind(scene.things[i]).maybe == 1 << i)
    return order


def _refer(scene: Scene, target: int, draw: Draw) -> str | None:
    """By the side on which it is outermost, a place or a relation; or the bare name if that suffices."""
    found: list[str] = []
    wheres = _wheres(scene, target)
    for noun in _nouns(scene, target):
        found += _sides(scene, target, noun)
        found += [f"{noun.words} {where.words}" for where in wheres if identifies(target, [noun, where])]
        if identifies(target, [noun]):
            found.append(noun.words)
    return pick(["", "the "], draw) + pick(found, draw) if found else None


def _refer_plus(scene: Scene, target: int, draw: Draw) -> str | None:
    """Name or kind, with size, disc or both."""
    found: list[str] = []
    for noun in _nouns(scene, target):
        found += [words for words, used in _attributed(scene, target, noun) if identifies(target, used)]
    return pick(["", "the "], draw) + pick(found, draw) if found else None


def _refer_g(scene: Scene, target: int, draw: Draw) -> str | None:
    """A sentence with name or kind, attributes, and a place or a relation."""
    noun = pick(_nouns(scene, target), draw)
    wheres = _wheres(scene, target)
    found: list[str] = []
    for words, used in _attributed(scene, target, noun)[1:]:
        phrase, verb = english.indefinite(words), english.is_or_are(words)
        for where in wheres:
            if identifies(target, [*used, where]):
                found += [f"{phrase} that {verb} {where.words}", f"{where.words} there {verb} {phrase}"]
        if identifies(target, used):
            found.append(f"the picture shows {phrase}")
    return pick(found, draw) if found else None


_FLAVOURS: dict[str, Callable[[Scene, int, Draw], str | None]] = {
    "refer": _refer,
    "refer_plus": _refer_plus,
    "refer_g": _refer_g,
}


def _nouns(scene: Scene, target: int) -> list[Clue]:
    """The name and the kind of the thing."""
    thing, clues = scene.things[target], SceneClues(scene)
    return [clues.name(thing), clues.kind(thing)]


def _sides(scene: Scene, target: int, noun: Clue) -> list[str]:
    """`"left cat"`, if it is the outermost of several."""
    if noun.fits != noun.maybe:
        return []
    return [f"{side} {noun.words}" for side in SIDES if SceneClues(scene).outermost(noun.fits, side) == target]


def _attributed(scene: Scene, target: int, noun: Clue) -> list[tuple[str, list[Clue]]]:
    """The noun alone, with size, with disc, with both; each with the clues that it consists of."""
    thing, clues = scene.things[target], SceneClues(scene)
    size, disc = clues.size(thing), clues.disc(thing)
    phrases = [(noun.words, [noun]), (f"{size.words} {noun.words}", [noun, size])]
    if disc:
        phrases += [(f"{words} {disc.words}", [*used, disc]) for words, used in phrases]
    return phrases


def _wheres(scene: Scene, target: int) -> list[Clue]:
    """Places and relations that fit the thing."""
    clues = SceneClues(scene)
    others = (landmark for landmark in clues.landmarks() if landmark.thing != target)
    found = [*clues.places(), *(clue for landmark in others for clue in clues.relations(landmark))]
    return [clue for clue in found if clue.fits >> target & 1]
