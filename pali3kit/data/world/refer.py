"""Referring expressions for single things, in the manner of RefCOCO, RefCOCO+ and RefCOCOg (paper.md §3.3).

- `refer`: short, places allowed: `"left cat"`, `"the cat right of the apple"`.
- `refer_plus`: no places: `"big cat"`, `"mammal on the red disc"`.
- `refer_g`: long, several attributes and relations: `"a big cat on the red disc that is left of the apple"`.

Every expression fits one thing and could be meant of no other (see `clues`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pali3kit.data.world import clues, english
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.clues import Clue
from pali3kit.data.world.scene import Scene
from pali3kit.errors import DataError, nearest

DISTRACTED_FIRST = 0.85  # share of the pictures with look-alikes in which one of these is meant


@dataclass(frozen=True, slots=True)
class Referral:
    """An expression and the index in `scene.things` of the one thing that it means."""

    text: str
    index: int


def expression(scene: Scene, flavour: str, rng: np.random.Generator) -> Referral | None:
    """One expression of a flavour, or None where no thing can be told apart in that flavour.

    Things that have others of their name or kind beside them are preferred: they take more than a name.
    """
    if flavour not in _FLAVOURS:
        raise DataError(f"no flavour {flavour!r} of referring expressions.{nearest(flavour, _FLAVOURS)}")
    draw = rng.random
    for target in _targets(scene, draw):
        text = _FLAVOURS[flavour](scene, target, draw)
        if text:
            return Referral(text, target)
    return None


def _targets(scene: Scene, draw: Draw) -> list[int]:
    order = shuffled(range(len(scene.things)), draw)
    if draw() < DISTRACTED_FIRST:
        order.sort(key=lambda i: clues.of_kind(scene, scene.things[i]).maybe == 1 << i)
    return order


def _refer(scene: Scene, target: int, draw: Draw) -> str | None:
    """Outermost of its name or kind, at a place, beside something; or the bare name where that is enough."""
    found: list[str] = []
    wheres = _wheres(scene, target)
    for noun in _nouns(scene, target):
        found += _sides(scene, target, noun)
        found += [f"{noun.words} {where.words}" for where in wheres if clues.only(target, [noun, where])]
        if clues.only(target, [noun]):
            found.append(noun.words)
    return pick(["", "the "], draw) + pick(found, draw) if found else None


def _refer_plus(scene: Scene, target: int, draw: Draw) -> str | None:
    """Name or kind with size, disc or both, as far as needed."""
    found: list[str] = []
    for noun in _nouns(scene, target):
        found += [words for words, used in _attributed(scene, target, noun) if clues.only(target, used)]
    return pick(["", "the "], draw) + pick(found, draw) if found else None


def _refer_g(scene: Scene, target: int, draw: Draw) -> str | None:
    """All attributes that are drawn, and a place or a relation, in one sentence."""
    noun = pick(_nouns(scene, target), draw)
    wheres = _wheres(scene, target)
    found: list[str] = []
    for words, used in _attributed(scene, target, noun)[1:]:
        phrase, verb = english.a(words), english.be(words)
        for where in wheres:
            if clues.only(target, [*used, where]):
                found += [f"{phrase} that {verb} {where.words}", f"{where.words} there {verb} {phrase}"]
        if clues.only(target, used):
            found.append(f"the picture shows {phrase}")
    return pick(found, draw) if found else None


_FLAVOURS: dict[str, Callable[[Scene, int, Draw], str | None]] = {
    "refer": _refer,
    "refer_plus": _refer_plus,
    "refer_g": _refer_g,
}


def _nouns(scene: Scene, target: int) -> list[Clue]:
    """What the thing may be called."""
    thing = scene.things[target]
    return [clues.named(scene, thing), clues.of_kind(scene, thing)]


def _sides(scene: Scene, target: int, noun: Clue) -> list[str]:
    """`"left cat"` for the outermost of several."""
    if noun.fits != noun.maybe:
        return []
    return [f"{side} {noun.words}" for side in clues.SIDES if clues.outermost(scene, noun.fits, side) == target]


def _attributed(scene: Scene, target: int, noun: Clue) -> list[tuple[str, list[Clue]]]:
    """The noun alone, with size, with disc, with both; each with the clues that it uses."""
    thing = scene.things[target]
    size, disc = clues.sized(scene, thing), clues.tiled(scene, thing)
    phrases = [(noun.words, [noun]), (f"{size.words} {noun.words}", [noun, size])]
    if disc:
        phrases += [(f"{words} {disc.words}", [*used, disc]) for words, used in phrases]
    return phrases


def _wheres(scene: Scene, target: int) -> list[Clue]:
    """Places and relations that are true of the thing."""
    marks = (landmark for landmark in clues.landmarks(scene) if landmark.thing != target)
    found = [*clues.places(scene), *(clue for landmark in marks for clue in clues.related(scene, landmark))]
    return [clue for clue in found if clue.fits >> target & 1]
