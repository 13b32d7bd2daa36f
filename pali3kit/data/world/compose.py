"""Composition of scenes: which things and signs, their sizes and positions; a function of options, split and index."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pali3kit.data.world import atlas, palette, render
from pali3kit.data.world.chance import choice
from pali3kit.data.world.scene import Box, Scene, SceneThing, Sign
from pali3kit.data.world.words import SPLITS, invented_words
from pali3kit.errors import DataError, nearest

GENERATOR_VERSION = 2  # must be raised when the same options give other scenes

COUNTS = (0.12, 0.34, 0.34, 0.20)  # probability of 1, 2, 3, 4 things; some of them may find no place
REPEAT = 0.25  # probability that a scene of several things repeats one of them
TILED = 0.35  # probability that a thing lies on a disc
SIGNED, TWICE = 0.62, 0.2  # probability of a sign, and then of a second one
SIZES = {"small": (18, 22), "big": (25, 30)}  # range of the longer side, in pixels of a 64-pixel image
LETTER = 11  # height of printed capitals, likewise
RASTER = 8  # signs lie on a grid of this many positions a side; docs/embedded-world.md says why
MARGIN = 2  # between a word and the edge of its plate
TRIES = 24  # positions tried for each item
MAX_OVERLAP = 0.12  # of an item's box, with each other item
MIN_VISIBLE = 0.6  # share of a thing's pixels that must not be covered


def scene_rng(seed: int, split: str, index: int, purpose: int = 0) -> np.random.Generator:
    """The random generator of one scene, different for each (seed, split, index, purpose)."""
    if split not in SPLITS:
        raise DataError(f"no split {split!r} in the embedded world.{nearest(split, SPLITS)}")
    if index < 0:
        raise DataError(f"scene {index}: indices start at 0")
    return np.random.Generator(np.random.PCG64([GENERATOR_VERSION, purpose, seed, SPLITS.index(split), index]))


def compose_scene(emoji: tuple[str, ...], artist: str, size: int, seed: int, split: str, index: int) -> Scene:
    """Scene `index` of a split."""
    rng = scene_rng(seed, split, index)
    count = 1 + int(np.searchsorted(np.cumsum(COUNTS), rng.random()))
    signs = int(rng.random() < SIGNED)
    signs += int(signs and count < 4 and rng.random() < TWICE)
    chosen = _choose(rng, emoji, count)
    return arrange_scene(rng, artist, chosen, signs, size, split, index)


def _choose(rng: np.random.Generator, emoji: Sequence[str], count: int) -> list[str]:
    """`count` emoji, all different or with the first one repeated."""
    chosen = [emoji[position] for position in rng.choice(len(emoji), min(count, len(emoji)), replace=False)]
    if len(chosen) > 1 and rng.random() < REPEAT:
        chosen[-1] = chosen[0]
    return chosen


def arrange_scene(
    rng: np.random.Generator, artist: str, chosen: Sequence[str], signs: int, size: int, split: str, index: int
) -> Scene:
    """Place the chosen emoji and `signs` signs on a random background.

    Items that find no free place are left out, but never all things.
    """
    background = choice(rng, tuple(palette.BACKGROUNDS))
    placed: tuple[SceneThing, ...] = ()
    while not placed:
        taken: list[Box] = []
        plates = [_sign(rng, invented_words(split), background, size, taken) for _ in range(signs)]
        placed_signs = tuple(sign for sign in plates if sign)
        things = [_thing(rng, one, artist, background, size, taken) for one in chosen]
        placed = _with_tight_boxes([thing for thing in things if thing], placed_signs, artist, size)
    return Scene(
        split=split,
        index=index,
        size=size,
        artist=artist,
        background=background,
        texture=choice(rng, palette.TEXTURES),
        things=placed,
        signs=placed_signs,
        shade=int(rng.integers(-14, 15)),
        cut=(int(rng.integers(render.TEXTURE_SAMPLES)), int(rng.integers(size)), int(rng.integers(size))),
    )


def _sign(
    rng: np.random.Generator, vocabulary: Sequence[str], background: str, size: int, taken: list[Box]
) -> Sign | None:
    """A sign that overlaps nothing, or None if there is no place for it; adds its box to `taken`."""
    word = choice(rng, vocabulary)
    colour = choice(rng, [name for name in palette.PLATES if name != background])
    letter = max(1, round(LETTER * size / 64))
    margin = max(1, round(MARGIN * size / 64))
    height, width = (side + 2 * margin for side in atlas.printed_word(word, letter).shape)
    box = _free_place(rng, height, width, size, taken, limit=0.0, step=max(1, size // RASTER))
    return None if box is None else Sign(word, colour, box, letter)


def _thing(
    rng: np.random.Generator, emoji: str, artist: str, background: str, size: int, taken: list[Box]
) -> SceneThing | None:
    """A thing that overlaps others little, small if a big one finds no place; adds its box to `taken`."""
    scale = choice(rng, tuple(SIZES))
    thing = _scaled(rng, emoji, artist, background, size, taken, scale)
    if thing is None and scale == "big":
        thing = _scaled(rng, emoji, artist, background, size, taken, "small")
    return thing


def _scaled(
    rng: np.random.Generator, emoji: str, artist: str, background: str, size: int, taken: list[Box], scale: str
) -> SceneThing | None:
    """A thing of this scale, sometimes on a disc, or None if there is no place for it."""
    low, high = SIZES[scale]
    longest = round(int(rng.integers(low, high + 1)) * size / 64)
    tiled = rng.random() < TILED
    tile = choice(rng, [name for name in palette.TILES if name != background]) if tiled else None
    height, width = atlas.scaled_sprite(emoji, artist, longest).shape[:2]
    disc = render.disc_diameter(longest) if tiled else 0
    tall, wide = max(height, disc), max(width, disc)
    box = _free_place(rng, tall, wide, size, taken, limit=MAX_OVERLAP)
    if box is None:
        return None
    return SceneThing(emoji, box, scale, tile, (box[0] + (tall - height) // 2, box[1] + (wide - width) // 2), longest)


def _free_place(
    rng: np.random.Generator, height: int, width: int, size: int, taken: list[Box], limit: float, step: int = 1
) -> Box | None:
    """Try random positions, multiples of `step`, for a box that overlaps each other by at most `limit` of the smaller.

    Adds the box to `taken`.
    """
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


def _with_tight_boxes(
    things: Sequence[SceneThing], signs: tuple[Sign, ...], artist: str, size: int
) -> tuple[SceneThing, ...]:
    """The things that are visible enough, with boxes tight around their visible pixels."""
    while True:
        shown = render.visible_things(tuple(things), signs, artist, size)
        boxes = [_tight_box(shown == number, thing, artist) for number, thing in enumerate(things)]
        kept = [thing for thing, box in zip(things, boxes, strict=True) if box is not None]
        if len(kept) == len(things):
            return tuple(replace(thing, box=box) for thing, box in zip(things, boxes, strict=True) if box is not None)
        things = kept


def _tight_box(mask: np.ndarray, thing: SceneThing, artist: str) -> Box | None:
    """The box around a mask, or None if too little of the thing is visible."""
    whole = int((atlas.scaled_sprite(thing.emoji, artist, thing.size)[..., 3] >= atlas.OPAQUE).sum())
    if int(mask.sum()) < MIN_VISIBLE * whole:
        return None
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
