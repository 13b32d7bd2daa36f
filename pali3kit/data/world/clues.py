"""What can be said of the things of a scene, and of which of them it is true.

Sets of things are bit sets: bit `i` stands for `scene.things[i]`. Every clue carries two of them: the things that
it certainly fits, and those that a reader might also mean (a cat that is only a little left of the apple, a
"cat face" when the talk is of a cat). A description is unambiguous when both sets, intersected over its clues, are the
same single thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from pali3kit.data.world import vocabulary
from pali3kit.data.world.scene import Box, Scene, Thing

# Direction of each relation as (dy, dx); images have y downwards.
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
CLEARLY, ARGUABLY, NOT = 2, 1, 0  # how far a relation holds
_CLEAR = 1 / 8  # of the picture's side: what this far apart nobody calls level


class Clue(NamedTuple):
    """A phrase, the things that it fits and the things that it may fit (a superset)."""

    words: str
    fits: int
    maybe: int


@dataclass(frozen=True, slots=True)
class Landmark:
    """Something that can be named without doubt: a thing with a name of its own, or a sign."""

    words: str
    centre: tuple[float, float]
    thing: int | None  # its index, None for a sign


def only(target: int, clues: Sequence[Clue]) -> bool:
    """Whether the clues together fit `scene.things[target]` and could be meant of nothing else."""
    fits = maybe = -1
    for clue in clues:
        fits &= clue.fits
        maybe &= clue.maybe
    return fits == maybe == 1 << target


def named(scene: Scene, thing: Thing) -> Clue:
    """`"cat"`: fits the things of that name; a "cat face" may be meant too."""
    fits = _bits(other.emoji == thing.emoji for other in scene.things)
    maybe = _bits(vocabulary.could_be(other.emoji, thing.emoji) for other in scene.things)
    return Clue(vocabulary.noun(thing.emoji), fits, fits | maybe)


def of_kind(scene: Scene, thing: Thing) -> Clue:
    """`"fruit"`: fits the things of that subgroup; things with that keyword may be meant too."""
    kind = vocabulary.kind(thing.emoji)
    fits = _bits(vocabulary.kind(other.emoji) == kind for other in scene.things)
    maybe = _bits(
        vocabulary.wider(vocabulary.kind(other.emoji)) == kind or kind in vocabulary.keywords(other.emoji)
        for other in scene.things
    )
    return Clue(vocabulary.one_of(kind), fits, fits | maybe)


def sized(scene: Scene, thing: Thing) -> Clue:
    """`"big"` or `"small"`."""
    fits = _bits(other.scale == thing.scale for other in scene.things)
    return Clue(thing.scale, fits, fits)


def tiled(scene: Scene, thing: Thing) -> Clue | None:
    """`"on the red disc"`, or None for a thing without a disc."""
    if thing.tile is None:
        return None
    fits = _bits(other.tile == thing.tile for other in scene.things)
    return Clue(f"on the {thing.tile} disc", fits, fits)


def places(scene: Scene) -> list[Clue]:
    """Parts of the picture that have something in them: `"at the top"`, `"in the top left corner"`."""
    half, clear, near = scene.size / 2, scene.size * _CLEAR, scene.size * _CLEAR / 4
    offsets = [(thing.centre[0] - half, thing.centre[1] - half) for thing in scene.things]
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


def outermost(scene: Scene, among: int, side: str) -> int | None:
    """Which of the things `among` is clearly the farthest to a side (`"left"`, `"right"`, `"top"`, `"bottom"`)?

    None when there are fewer than two, or no clear winner.
    """
    uy, ux = SIDES[side]
    reach = sorted(
        (thing.centre[0] * uy + thing.centre[1] * ux, i) for i, thing in enumerate(scene.things) if among >> i & 1
    )
    if len(reach) < 2 or reach[-1][0] - reach[-2][0] < scene.size * _CLEAR:
        return None
    return reach[-1][1]


def landmarks(scene: Scene) -> list[Landmark]:
    """Everything that `"the ..."` names without doubt: `"the apple"`, `"the red sign"`."""
    found = [
        Landmark(f"the {clue.words}", thing.centre, i)
        for i, thing in enumerate(scene.things)
        if only(i, [clue := named(scene, thing)])
    ]
    colours = [sign.colour for sign in scene.signs]
    for sign in scene.signs:
        centre = middle(sign.box)
        if colours.count(sign.colour) == 1:
            found.append(Landmark(f"the {sign.colour} sign", centre, None))
        if len(colours) == 1:
            found.append(Landmark("the sign", centre, None))
    return found


def related(scene: Scene, landmark: Landmark) -> list[Clue]:
    """`"left of the apple"` and so on, where there is something to be found."""
    others = [thing.centre if i != landmark.thing else None for i, thing in enumerate(scene.things)]
    clues = []
    for relation in RELATIONS:
        verdicts = [lies(centre, relation, landmark.centre, scene.size) if centre else NOT for centre in others]
        fits = _bits(verdict == CLEARLY for verdict in verdicts)
        if fits:
            clues.append(Clue(f"{relation} {landmark.words}", fits, _bits(verdict > NOT for verdict in verdicts)))
    return clues


def lies(centre: tuple[float, float], relation: str, mark: tuple[float, float], size: int) -> int:
    """Whether a centre lies left of / right of / above / below a mark: `CLEARLY`, `ARGUABLY` or `NOT`. Pixels."""
    uy, ux = RELATIONS[relation]
    dy, dx = centre[0] - mark[0], centre[1] - mark[1]
    along, across = dy * uy + dx * ux, abs(dy * ux) + abs(dx * uy)
    if along >= size * _CLEAR and along >= across:
        return CLEARLY
    return ARGUABLY if along > 0 and 2 * along >= across else NOT


def middle(box: Box) -> tuple[float, float]:
    """`(y, x)` of the middle of a box, in pixels."""
    y0, x0, y1, x1 = box
    return (y0 + y1) / 2, (x0 + x1) / 2


def _bits(flags: Iterable[bool]) -> int:
    return sum(1 << i for i, flag in enumerate(flags) if flag)
