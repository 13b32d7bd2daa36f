"""Composes scenes: which things and signs, how big, where. A pure function of the options, split and index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pali3kit.data.world import atlas, palette, render, textures
from pali3kit.data.world.scene import Box, Scene, Sign, Thing
from pali3kit.data.world.words import SPLITS, words
from pali3kit.errors import DataError, nearest

GENERATOR_VERSION = 2  # goes up whenever the same options give other scenes

COUNTS = (0.12, 0.34, 0.34, 0.20)  # share of scenes planned with 1, 2, 3, 4 things; a few find no place
REPEAT = 0.25  # chance that a scene of several things repeats one of them
TILED = 0.35  # chance that a thing lies on a disc
SIGNED, TWICE = 0.62, 0.2  # chance of a sign, and of a second one beside it
SIZES = {"small": (18, 22), "big": (25, 30)}  # longer side in pixels of a 64-pixel picture
LETTER = 11  # height of printed capitals, likewise
RASTER = 8  # signs hang on a raster of so many places a side: docs/embedded-world.md says why
MARGIN = 2  # between a word and the edge of its plate
TRIES = 24  # places tried for each item
CROWDED = 0.12  # share of an item that may lie under or over others
SEEN = 0.6  # share of a thing that must stay visible


@dataclass(frozen=True, slots=True)
class Palette:
    """What scenes are made of: the pictures, who drew them, and the words of signs."""

    emoji: tuple[str, ...]
    artist: str
    words: tuple[str, ...]


def generator(seed: int, split: str, index: int, purpose: int = 0) -> np.random.Generator:
    """The random stream of one scene; no two of (seed, split, index, purpose) share one."""
    if split not in SPLITS:
        raise DataError(f"no split {split!r} in the embedded world.{nearest(split, SPLITS)}")
    if index < 0:
        raise DataError(f"scene {index}: indices start at 0")
    return np.random.Generator(np.random.PCG64([GENERATOR_VERSION, purpose, seed, SPLITS.index(split), index]))


def compose(emoji: tuple[str, ...], artist: str, size: int, seed: int, split: str, index: int) -> Scene:
    """One scene of a stream."""
    rng = generator(seed, split, index)
    count = 1 + int(np.searchsorted(np.cumsum(COUNTS), rng.random()))
    signs = int(rng.random() < SIGNED)
    signs += int(signs and count < 4 and rng.random() < TWICE)
    chosen = choose(rng, emoji, count)
    return arrange(rng, Palette(emoji, artist, words(split)), chosen, signs, size, split, index)


def choose(rng: np.random.Generator, emoji: Sequence[str], count: int) -> list[str]:
    """`count` different pictures, or fewer kinds when one is repeated."""
    chosen = [emoji[position] for position in rng.choice(len(emoji), min(count, len(emoji)), replace=False)]
    if len(chosen) > 1 and rng.random() < REPEAT:
        chosen[-1] = chosen[0]
    return chosen


def arrange(
    rng: np.random.Generator, materials: Palette, chosen: Sequence[str], signs: int, size: int, split: str, index: int
) -> Scene:
    """Puts the chosen pictures and so many signs on a background; what finds no free place is left out.

    At least one thing is always there.
    """
    background = pick(rng, tuple(palette.BACKGROUNDS))
    placed: tuple[Thing, ...] = ()
    while not placed:
        taken: list[Box] = []
        plates = [_sign(rng, materials.words, background, size, taken) for _ in range(signs)]
        seen = tuple(sign for sign in plates if sign)
        things = [_thing(rng, one, materials.artist, background, size, taken) for one in chosen]
        placed = _measured([thing for thing in things if thing], seen, materials.artist, size)
    return Scene(
        split=split,
        index=index,
        size=size,
        artist=materials.artist,
        background=background,
        texture=pick(rng, palette.TEXTURES),
        things=placed,
        signs=seen,
        shade=int(rng.integers(-14, 15)),
        cut=(int(rng.integers(textures.SAMPLES)), int(rng.integers(size)), int(rng.integers(size))),
    )


def pick(rng: np.random.Generator, choices: Sequence[str]) -> str:
    """One of the choices, all equally likely."""
    return choices[int(rng.integers(len(choices)))]


def _sign(
    rng: np.random.Generator, vocabulary: Sequence[str], background: str, size: int, taken: list[Box]
) -> Sign | None:
    """A sign where nothing else lies, entirely in the picture; notes its box in `taken`."""
    word = pick(rng, vocabulary)
    colour = pick(rng, [name for name in palette.PLATES if name != background])
    letter = max(1, round(LETTER * size / 64))
    margin = max(1, round(MARGIN * size / 64))
    height, width = (side + 2 * margin for side in atlas.printed(word, letter).shape)
    box = _free_place(rng, height, width, size, taken, limit=0.0, step=max(1, size // RASTER))
    return None if box is None else Sign(word, colour, box, letter)


def _thing(
    rng: np.random.Generator, emoji: str, artist: str, background: str, size: int, taken: list[Box]
) -> Thing | None:
    """A thing, big if there is room, where it hides and is hidden little; notes its box in `taken`."""
    scale = pick(rng, tuple(SIZES))
    thing = _scaled(rng, emoji, artist, background, size, taken, scale)
    if thing is None and scale == "big":
        thing = _scaled(rng, emoji, artist, background, size, taken, "small")
    return thing


def _scaled(
    rng: np.random.Generator, emoji: str, artist: str, background: str, size: int, taken: list[Box], scale: str
) -> Thing | None:
    """A thing of this scale, sometimes on a disc, if a free place is found."""
    low, high = SIZES[scale]
    longest = round(int(rng.integers(low, high + 1)) * size / 64)
    tiled = rng.random() < TILED
    tile = pick(rng, [name for name in palette.TILES if name != background]) if tiled else None
    height, width = atlas.sized(emoji, artist, longest).shape[:2]
    room = render.disc_diameter(longest) if tiled else 0
    tall, wide = max(height, room), max(width, room)
    box = _free_place(rng, tall, wide, size, taken, limit=CROWDED)
    if box is None:
        return None
    return Thing(emoji, box, scale, tile, (box[0] + (tall - height) // 2, box[1] + (wide - width) // 2), longest)


def _free_place(
    rng: np.random.Generator, height: int, width: int, size: int, taken: list[Box], limit: float, step: int = 1
) -> Box | None:
    """The first of some places, multiples of `step`, with at most `limit` of the smaller shared; noted in `taken`."""
    if height > size or width > size:
        return None
    tops = (rng.random(TRIES) * ((size - height) // step + 1)).astype(np.int64) * step
    lefts = (rng.random(TRIES) * ((size - width) // step + 1)).astype(np.int64) * step
    for top, left in zip(tops.tolist(), lefts.tolist(), strict=True):
        box = (top, left, top + height, left + width)
        if all(_overlap(box, other) <= limit * min(height * width, _area(other)) for other in taken):
            taken.append(box)
            return box
    return None


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def _overlap(one: Box, other: Box) -> int:
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    return height * width if height > 0 and width > 0 else 0


def _measured(things: Sequence[Thing], signs: tuple[Sign, ...], artist: str, size: int) -> tuple[Thing, ...]:
    """Things that show enough of themselves, with boxes tight around what is visible."""
    while True:
        shown = render.owners(tuple(things), signs, artist, size)
        boxes = [_tight(shown == number, thing, artist) for number, thing in enumerate(things)]
        kept = [thing for thing, box in zip(things, boxes, strict=True) if box is not None]
        if len(kept) == len(things):
            return tuple(replace(thing, box=box) for thing, box in zip(things, boxes, strict=True) if box is not None)
        things = kept


def _tight(mask: np.ndarray, thing: Thing, artist: str) -> Box | None:
    """The box around a mask, or nothing if too little of the thing is seen."""
    whole = int((atlas.sized(thing.emoji, artist, thing.size)[..., 3] >= atlas.OPAQUE).sum())
    if int(mask.sum()) < SEEN * whole:
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
