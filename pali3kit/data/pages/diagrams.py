"""What a diagram shows: parts with letters or names, and arrows between them; and how its forms are laid out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from pali3kit.data.pages.charts import COLOURS, PAPERS
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.shapes import on_circle
from pali3kit.data.world import names
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.classes import scene_classes

FORMS: dict[str, str] = {"cycle": "life cycle", "web": "food web", "layers": "layers", "rings": "section"}
"""The forms of diagrams, and what titles call them."""
LETTERS = "ABCDEFGH"
OBJECTS = 64  # emoji of which icons are chosen
_LEVELS = ((2, 2, 1), (1, 3, 1), (2, 2, 2), (1, 2, 2), (2, 3, 1))  # parts of food webs, from the bottom


@dataclass(frozen=True, slots=True)
class Diagram:
    """The parts of a diagram, in the order of a cycle, from the top of layers or from the outside of rings.

    `places` are the middles `(y, x)` of parts in an image of 128 pixels, `sizes` the relative thickness of layers and
    rings. An arrow `(i, j)` leads from part `i` to part `j`: to the next stage, or from food to what eats it.
    """

    form: str
    title: str
    lettered: bool
    labels: tuple[str, ...]
    colours: tuple[str, ...]
    icons: tuple[str, ...]  # emoji, one for each part, or none
    places: tuple[tuple[int, int], ...]
    sizes: tuple[int, ...]
    arrows: tuple[tuple[int, int], ...]
    layout: tuple[
        int, ...
    ]  # paper, shape of parts (0 box, 1 round, 2 icon), direction or side, which title, bold title


@cache
def _icons() -> tuple[list[str], list[str]]:
    """Emoji of plants, and of animals."""
    alive = [one for one in scene_classes(OBJECTS) if names.category(one) == "Animals & Nature"]
    plants = [one for one in alive if names.subgroup(one).startswith("plant")]
    return plants, [one for one in alive if one not in plants]


def _living(form: str, count: int, levels: tuple[int, ...], draw: Draw) -> tuple[str, ...]:
    """An icon for each part: plants at the bottom of a food web, above them animals."""
    plants, animals = (shuffled(kind, draw) for kind in _icons())
    if form != "web":
        return tuple(shuffled([*plants, *animals], draw)[:count])
    return (*plants[: levels[0]], *animals[: count - levels[0]])


def sample_diagram(lexicon: Lexicon, draw: Draw, size: int) -> Diagram:
    """A cycle, a food web, layers or rings, with letters or names."""
    form = pick(tuple(FORMS), draw)
    layout = lexicon.layout(draw, len(PAPERS) - 1, 3, 2, 2, 2)  # on light paper
    levels = pick(_LEVELS, draw)
    count = sum(levels) if form == "web" else 4 + int(draw() * (2 if form == "rings" else 3))
    lettered = draw() < 0.5
    name = lexicon.name(draw)
    labels = tuple(shuffled(LETTERS[:count], draw)) if lettered else lexicon.names(draw, count)
    iconic = layout[1] == 2 and form in ("cycle", "web")
    return Diagram(
        form=form,
        title=f"{FORMS[form]} of {name}".capitalize().replace(name.lower(), name)
        if layout[3]
        else f"{name}: {FORMS[form]}",
        lettered=lettered,
        labels=labels,
        colours=tuple(shuffled(tuple(COLOURS), draw)[:count]),
        icons=_living(form, count, levels, draw) if iconic else (),
        places=_places(form, count, levels, draw),
        sizes=tuple(2 + int(draw() * 3) for _ in range(count)),
        arrows=_arrows(form, count, levels, bool(layout[2]), draw),
        layout=layout,
    )


def _places(form: str, count: int, levels: tuple[int, ...], draw: Draw) -> tuple[tuple[int, int], ...]:
    """The middles of parts on a circle, or on levels from the bottom; layers and rings have none."""
    if form == "cycle":
        start = int(draw() * 8) / 8 if count != 4 else 1 / 8
        points = [on_circle((71, 64), 43, start + number / count) for number in range(count)]
        return tuple((round(y), round(x)) for y, x in points)
    if form == "web":
        return tuple(
            (112 - 41 * level, 128 * (2 * number + 1) // (2 * wide) + int(draw() * 9) - 4)
            for level, wide in enumerate(levels)
            for number in range(wide)
        )
    return ()


def _arrows(form: str, count: int, levels: tuple[int, ...], reverse: bool, draw: Draw) -> tuple[tuple[int, int], ...]:
    """From each stage to the next; in a web from each part to the level above, where each part has one or more."""
    if form == "cycle":
        pairs = [(number, (number + 1) % count) for number in range(count)]
        return tuple((after, before) if reverse else (before, after) for before, after in pairs)
    if form != "web":
        return ()
    arrows, below, start = list[tuple[int, int]](), range(levels[0]), levels[0]
    for wide in levels[1:]:
        level = range(start, start + wide)
        for eater in level:
            arrows += [(food, eater) for food in sorted(shuffled(below, draw)[: 1 + (draw() < 0.4)])]
        eaten = {food for food, _ in arrows}
        arrows += [(food, pick(level, draw)) for food in below if food not in eaten]
        below, start = level, start + wide
    return tuple(arrows)
