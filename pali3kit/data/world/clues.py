"""Descriptions of things in a scene, and which things each of them fits.

Sets of things are bit sets: bit `i` stands for `scene.things[i]`. A clue has two of them: the things that it certainly
fits, and those that a reader might also mean (a cat that is only slightly left of the apple, or a "cat face" when the
text says cat). A description is unambiguous if both sets, intersected over its clues, are the same single thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pali3kit.data.world import vocabulary
from pali3kit.data.world.scene import Scene, SceneThing

# Direction of each relation as (dy, dx); y points down.
RELATIONS = {"left of": (0, -1), "right of": (0, 1), "above": (-1, 0), "below": (1, 0)}
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}
SIDES = {"left": (0, -1), "right": (0, 1), "top": (-1, 0), "bottom": (1, 0)}
_PLACES = {
    "on the left": (0, -1),
    "on the right": (0, 1),
    "at the top": (-1, 0),
    "at the bottom": (1, 0),
    "in the top left corner": (-1, -1),
    "in the top right corner": (-1, 1),
    "in the bottom left corner": (1, -1),
    "in the bottom right corner": (1, 1),
}
CLEARLY, ARGUABLY, NOT = 2, 1, 0  # how clearly a relation holds
_CLEAR = 1 / 8  # of the image's side: the least distance at which a relation is clear


class Clue(NamedTuple):
    """A phrase, the things that it fits, and the things that a reader might mean by it (a superset)."""

    words: str
    fits: int
    maybe: int


@dataclass(frozen=True, slots=True)
class _Landmark:
    """A thing or sign that its name identifies."""

    words: str
    centre: tuple[float, float]
    thing: int | None  # its index, None for a sign


class SceneClues:
    """The clues that hold in a scene."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def name(self, thing: SceneThing) -> Clue:
        """`"cat"`: fits the things of that name; a "cat face" may be meant too."""
        things = self.scene.things
        fits = _bits(other.emoji == thing.emoji for other in things)
        maybe = _bits(vocabulary.could_be(other.emoji, thing.emoji) for other in things)
        return Clue(vocabulary.noun(thing.emoji), fits, fits | maybe)

    def kind(self, thing: SceneThing) -> Clue:
        """`"fruit"`: fits the things of that subgroup; things with that keyword may be meant too."""
        kind, things = vocabulary.kind(thing.emoji), self.scene.things
        fits = _bits(vocabulary.kind(other.emoji) == kind for other in things)
        maybe = _bits(
            vocabulary.hypernym(vocabulary.kind(other.emoji)) == kind or kind in vocabulary.keywords(other.emoji)
            for other in things
        )
        return Clue(vocabulary.countable_noun(kind), fits, fits | maybe)

    def size(self, thing: SceneThing) -> Clue:
        """`"big"` or `"small"`."""
        fits = _bits(other.scale == thing.scale for other in self.scene.things)
        return Clue(thing.scale, fits, fits)

    def disc(self, thing: SceneThing) -> Clue | None:
        """`"on the red disc"`, or None for a thing without a disc."""
        if thing.tile is None:
            return None
        fits = _bits(other.tile == thing.tile for other in self.scene.things)
        return Clue(f"on the {thing.tile} disc", fits, fits)

    def places(self) -> list[Clue]:
        """The parts of the image that contain a thing: `"at the top"`, `"in the top left corner"`."""
        size = self.scene.size
        half, clear, near = size / 2, size * _CLEAR, size * _CLEAR / 4
        offsets = [(thing.centre[0] - half, thing.centre[1] - half) for thing in self.scene.things]
        found = [
            Clue(
                words,
                _bits(all(d * u >= clear for d, u in zip(offset, unit, strict=True) if u) for offset in offsets),
                _bits(all(d * u >= near for d, u in zip(offset, unit, strict=True) if u) for offset in offsets),
            )
            for words, unit in _PLACES.items()
        ]
        central = Clue(
            "in the middle",
            _bits(max(abs(dy), abs(dx)) <= clear for dy, dx in offsets),
            _bits(max(abs(dy), abs(dx)) <= 2 * clear for dy, dx in offsets),
        )
        return [clue for clue in (*found, central) if clue.fits]

    def outermost(self, among: int, side: str) -> int | None:
        """The index of the thing in the set `among` that is clearly farthest to a side: a key of `SIDES`.

        None if the set has fewer than two things, or none is clearly farthest.
        """
        uy, ux = SIDES[side]
        reach = sorted(
            (thing.centre[0] * uy + thing.centre[1] * ux, i)
            for i, thing in enumerate(self.scene.things)
            if among >> i & 1
        )
        if len(reach) < 2 or reach[-1][0] - reach[-2][0] < self.scene.size * _CLEAR:
            return None
        return reach[-1][1]

    def landmarks(self) -> list[_Landmark]:
        """All things and signs that `"the ..."` identifies: `"the apple"`, `"the red sign"`."""
        found = [
            _Landmark(f"the {clue.words}", thing.centre, i)
            for i, thing in enumerate(self.scene.things)
            if identifies(i, [clue := self.name(thing)])
        ]
        colours = [sign.colour for sign in self.scene.signs]
        for sign in self.scene.signs:
            if colours.count(sign.colour) == 1:
                found.append(_Landmark(f"the {sign.colour} sign", sign.centre, None))
            if len(colours) == 1:
                found.append(_Landmark("the sign", sign.centre, None))
        return found

    def relations(self, landmark: _Landmark) -> list[Clue]:
        """`"left of the apple"` and so on, for the relations in which some thing is to the landmark."""
        things, size = self.scene.things, self.scene.size
        others = [thing.centre if i != landmark.thing else None for i, thing in enumerate(things)]
        clues = []
        for relation in RELATIONS:
            verdicts = [how_clearly(centre, relation, landmark.centre, size) if centre else NOT for centre in others]
            fits = _bits(verdict == CLEARLY for verdict in verdicts)
            if fits:
                clues.append(Clue(f"{relation} {landmark.words}", fits, _bits(verdict > NOT for verdict in verdicts)))
        return clues


def identifies(target: int, clues: Sequence[Clue]) -> bool:
    """Whether the clues together fit `scene.things[target]` and can be taken for no other thing."""
    fits = maybe = -1
    for clue in clues:
        fits &= clue.fits
        maybe &= clue.maybe
    return fits == maybe == 1 << target


def how_clearly(centre: tuple[float, float], relation: str, landmark: tuple[float, float], size: int) -> int:
    """Whether `centre` is left of / right of / above / below `landmark`, in pixels: `CLEARLY`, `ARGUABLY` or `NOT`."""
    uy, ux = RELATIONS[relation]
    dy, dx = centre[0] - landmark[0], centre[1] - landmark[1]
    along, across = dy * uy + dx * ux, abs(dy * ux) + abs(dx * uy)
    if along >= size * _CLEAR and along >= across:
        return CLEARLY
    return ARGUABLY if along > 0 and 2 * along >= across else NOT


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)
