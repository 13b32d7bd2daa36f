"""Scenes of many things for counting, as TallyQA asks: simple counts, and complex ones of discs or of a sign's sides.

Kinds of questions are the benchmark's groups, "simple" and "complex". The count that is asked for is drawn first, from
0 to 15 or, on discs and sides, to 8, all equally likely; how many other things there are does not depend on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from pali3kit.data.pages.canvas import BLACK, Canvas
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.world import english, palette, render, vocabulary
from pali3kit.data.world.atlas import ARTISTS, OPAQUE, scaled_sprite
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.classes import scene_classes
from pali3kit.data.world.questions import Question
from pali3kit.data.world.scene import Box, Scene, SceneThing

OBJECTS = 40  # different emoji, as many as scenes of the embedded scale have
MOST, MOST_COMPLEX, MOST_MORE = 15, 8, 5  # counted things: in all, on the discs or side in question, elsewhere
MOST_OTHERS = 8  # things of other kinds
GRIDS = (4, 5, 6)  # cells a side, each with one thing at most
SIGN_GRID = 6
SPRITE = 0.78  # longer side of a thing, of its cell's; a disc under it is a sixth wider
_FAR, _SHARE = 70, 0.35  # a difference of colours that is seen, and the share of a sprite that must have it
SIDES = ("left of", "right of", "above", "below")

Cell = tuple[int, int]  # row, column


@dataclass(frozen=True, slots=True)
class CrowdThing:
    """A thing in its cell; `shift` is its place in the free room of the cell, thousandths (y, x)."""

    emoji: str
    cell: Cell
    shift: tuple[int, int]
    tile: str | None


@dataclass(frozen=True, slots=True)
class CrowdSign:
    """A printed word on a plate over two neighbouring cells, of which `cell` is the left one."""

    word: str
    colour: str
    cell: Cell


@dataclass(frozen=True, slots=True)
class Crowd:
    """What a crowd shows. `counted` is the emoji that is asked for, which may be absent."""

    size: int
    artist: str
    background: str
    texture: str
    shade: int
    cut: tuple[int, int, int]  # sample of the texture, and (y, x) of its crop, pixels
    grid: int
    counted: str
    disc: str | None  # the colour of discs that is asked for
    things: tuple[CrowdThing, ...]
    sign: CrowdSign | None

    @property
    def of_kind(self) -> list[CrowdThing]:
        """The things of the kind that is counted."""
        return [thing for thing in self.things if thing.emoji == self.counted]


@cache
def _countable() -> tuple[str, ...]:
    """The emoji of crowds: those of which one asks how many there are."""
    named = ((one, vocabulary.noun(one)) for one in scene_classes(OBJECTS))
    return tuple(one for one, noun in named if english.is_countable(noun) and english.is_or_are(noun) == "is")


@cache
def _stands_out(emoji: str, artist: str, colour: palette.RGB) -> bool:
    """Whether enough of a sprite differs from a colour under it."""
    sprite = scaled_sprite(emoji, artist, 32).astype(np.int16)
    far = np.abs(sprite[..., :3] - np.array(colour, np.int16)).max(axis=2) > _FAR
    return bool(far[sprite[..., 3] >= OPAQUE].mean() > _SHARE)


def _kinds(draw: Draw, artist: str, background: str) -> tuple[str, list[str]]:
    """The emoji that is counted, and three others that cannot be taken for it; often the one most like it."""
    known = [one for one in _countable() if _stands_out(one, artist, palette.BACKGROUNDS[background])]
    counted = pick(known, draw)
    others = [one for one in known if not vocabulary.could_be(one, counted) and not vocabulary.could_be(counted, one)]
    twins = [one for one in others if vocabulary.kind(one) == vocabulary.kind(counted)]
    chosen = shuffled(others, draw)[:3]
    return counted, [*twins[:1], *chosen[:2]] if draw() < 0.5 else chosen


def _tiles(draw: Draw, artist: str, background: str, kinds: list[str]) -> list[str]:
    """Colours of discs, those first on which all kinds stand out."""
    tiles = shuffled([name for name in palette.TILES if name not in (background, "black")], draw)
    return sorted(tiles, key=lambda name: sum(not _stands_out(one, artist, palette.TILES[name]) for one in kinds))


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> Crowd:
    artist, ground, texture, sample = lexicon.layout(
        draw, len(ARTISTS), len(palette.BACKGROUNDS), len(palette.TEXTURES), render.TEXTURE_SAMPLES
    )
    background = tuple(palette.BACKGROUNDS)[ground]
    counted, others = _kinds(draw, ARTISTS[artist], background)
    layout = pick(("plain", "discs", "sign"), draw)
    asked = int(draw() * (MOST + 1 if layout == "plain" else MOST_COMPLEX + 1))
    more = 0 if layout == "plain" else int(draw() * (MOST_MORE + 1))
    extra = [pick(others, draw) for _ in range(max(int(draw() * (MOST_OTHERS + 1)), asked + more == 0))]
    tiles = _tiles(draw, ARTISTS[artist], background, [counted, *others])
    sign, grid = None, SIGN_GRID
    if layout == "sign":
        cells, plate = _sides(draw, asked, more, len(extra))
        colour = pick([name for name in palette.PLATES if name != background], draw)
        sign = CrowdSign(lexicon.word(draw), colour, plate)
    else:
        total = asked + more + len(extra)
        grid = pick([side for side in GRIDS if side * side > total], draw)
        cells = shuffled(_all_cells(grid), draw)[:total]
    discs = _discs(draw, tiles, asked, more, len(extra)) if layout == "discs" else [None] * len(cells)
    things = [
        CrowdThing(one, cell, (int(draw() * 1000), int(draw() * 1000)), disc)
        for one, cell, disc in zip([counted] * (asked + more) + extra, cells, discs, strict=True)
    ]
    return Crowd(
        size=size,
        artist=ARTISTS[artist],
        background=background,
        texture=palette.TEXTURES[texture],
        shade=int(draw() * 29) - 14,
        cut=(sample, int(draw() * size), int(draw() * size)),
        grid=grid,
        counted=counted,
        disc=tiles[0] if layout == "discs" else None,
        things=tuple(shuffled(things, draw)),
        sign=sign,
    )


def _all_cells(grid: int) -> list[Cell]:
    return [(row, column) for row in range(grid) for column in range(grid)]


def _sides(draw: Draw, asked: int, more: int, extra: int) -> tuple[list[Cell], Cell]:
    """Cells for `asked` things on a side of a sign, `more` on the opposite one, `extra` anywhere; the sign's cell."""
    middle, along = 2, int(draw() * (SIGN_GRID - 1))
    side = int(draw() * 4)
    sign = (along, middle) if side < 2 else (middle + int(draw() * 2), along)
    cells = [cell for cell in shuffled(_all_cells(SIGN_GRID), draw) if cell not in (sign, (sign[0], sign[1] + 1))]
    near = [cell for cell in cells if _side_of(cell, SIDES[side], sign)][:asked]
    far = [cell for cell in cells if _side_of(cell, SIDES[side ^ 1], sign)][:more]
    free = [cell for cell in cells if cell not in near and cell not in far]
    return [*near, *far, *free[:extra]], sign


def _side_of(cell: Cell, side: str, sign: Cell) -> bool:
    """Whether a cell lies on that side of a sign and beyond its rows or columns."""
    (row, column), (sign_row, sign_column) = cell, sign
    return {
        "left of": column < sign_column,
        "right of": column > sign_column + 1,
        "above": row < sign_row,
        "below": row > sign_row,
    }[side]


def _discs(draw: Draw, tiles: list[str], asked: int, more: int, extra: int) -> list[str | None]:
    """Colours: the first for `asked` things, another or no disc for `more`, any of them for the others."""
    other: str | None = tiles[1] if draw() < 0.6 else None
    mixed: list[str | None] = [pick((tiles[0], tiles[1], None), draw) for _ in range(extra)]
    return [*[tiles[0]] * asked, *[other] * more, *mixed]


def _draw(facts: Crowd, canvas: Canvas) -> None:
    canvas.image[:] = render.render(crowd_scene(facts))
    if facts.sign is not None:
        y0, x0, y1, _ = _cell_box(facts, facts.sign.cell)
        x1 = _cell_box(facts, (facts.sign.cell[0], facts.sign.cell[1] + 1))[3]
        margin = canvas.px(1)
        canvas.fill((y0 + margin, x0 + margin, y1 - margin, x1 - margin), palette.PLATES[facts.sign.colour])
        em = (y1 - y0) * 2 // 3
        top = (y0 + y1 - em) // 2
        canvas.text(facts.sign.word, top, (x0 + x1) // 2, em, ink=BLACK, align="middle", width=x1 - x0 - 4 * margin)


def crowd_scene(facts: Crowd) -> Scene:
    """The crowd as a scene of the world, without its sign."""
    things = []
    for thing in facts.things:
        top, left, bottom, right = _cell_box(facts, thing.cell)
        longest = int(SPRITE * min(bottom - top, right - left))
        tall, wide = scaled_sprite(thing.emoji, facts.artist, longest).shape[:2]
        room = longest if thing.tile is None else render.disc_diameter(longest)
        y = top + thing.shift[0] * (bottom - top - room) // 1000 + (room - tall) // 2
        x = left + thing.shift[1] * (right - left - room) // 1000 + (room - wide) // 2
        things.append(SceneThing(thing.emoji, (y, x, y + tall, x + wide), "small", thing.tile, (y, x), longest))
    return Scene(
        "", 0, facts.size, facts.artist, facts.background, facts.texture, tuple(things), (), facts.shade, facts.cut
    )


def _cell_box(facts: Crowd, cell: Cell) -> Box:
    (row, column), side, grid = cell, facts.size, facts.grid
    return row * side // grid, column * side // grid, (row + 1) * side // grid, (column + 1) * side // grid


def _questions(facts: Crowd, draw: Draw) -> list[Question]:
    things = english.plural(vocabulary.noun(facts.counted))
    form = pick(("how many {} are there?", "how many {} are in the image?", "how many {} can you see?"), draw)
    asked = [ask(form.format(things), str(len(facts.of_kind)), "simple")]
    if facts.sign is not None:
        asked += _of_sides(facts.of_kind, facts.sign, things, draw)
    if facts.disc is not None:
        asked.append(_of_discs(facts, things, draw))
    return asked


def _of_discs(facts: Crowd, things: str, draw: Draw) -> Question:
    """A count of the things on discs of the colour in question, or of these discs."""
    if draw() < 0.75:
        count = sum(thing.tile == facts.disc for thing in facts.of_kind)
        return ask(f"how many {things} are on {facts.disc} discs?", str(count), "complex")
    count = sum(thing.tile == facts.disc for thing in facts.things)
    return ask(f"how many {facts.disc} discs are there?", str(count), "complex")


def _of_sides(counted: list[CrowdThing], sign: CrowdSign, things: str, draw: Draw) -> list[Question]:
    """A count of the things on one side of the sign, if each is clearly on that side or on the opposite one."""
    clear = []
    for pair in (SIDES[:2], SIDES[2:]):
        counts = {side: sum(_side_of(thing.cell, side, sign.cell) for thing in counted) for side in pair}
        if sum(counts.values()) == len(counted):
            clear += list(counts.items())
    if not clear:
        return []
    side, count = pick(clear, draw)
    return [ask(f"how many {things} are {side} the sign?", str(count), "complex")]


def _captions(facts: Crowd, draw: Draw) -> list[str]:
    """The kinds of things with their numbers, the most frequent first."""
    nouns = [vocabulary.noun(thing.emoji) for thing in facts.things]
    counts = sorted({noun: nouns.count(noun) for noun in nouns}.items(), key=lambda item: (-item[1], item[0]))
    listed = ", ".join(f"{n} {english.plural(noun) if n > 1 else noun}" for noun, n in counts)
    where = f"on {english.with_article(facts.background)} background"
    sign = f' and a sign that says "{facts.sign.word}"' if facts.sign is not None else ""
    return [f"{listed}{sign} {where}.", f"an image of {listed}{sign}."]


CROWD = PageKind(
    name="crowd",
    summary="many things to be counted, some on discs or beside a sign",
    sample=_sample,
    draw=_draw,
    questions=_questions,
    captions=_captions,
)
