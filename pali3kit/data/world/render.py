"""Rendering of scenes: background, discs, sprites, signs; and which thing each pixel shows.

All arithmetic is on integers, so that a scene has the same bytes on every machine.
"""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.world import atlas
from pali3kit.data.world.palette import BACKGROUNDS, INK, PLATES, TEXTURES, TILES
from pali3kit.data.world.scene import Scene, SceneThing, Sign

TEXTURE_SAMPLES = 8  # variants of each texture: other periods, other noise
CONTRAST = 15  # largest deviation of a texture from the background's colour

Image = NDArray[np.uint8]


def render(scene: Scene) -> Image:
    """Draw a scene: RGB uint8 [size, size, 3]."""
    canvas = _background(scene)
    for thing in scene.things:
        if thing.tile is not None:
            coverage, (y, x) = _disc_under(thing, scene.artist)
            blend(canvas, coverage, y, x, TILES[thing.tile])
        paste(canvas, atlas.scaled_sprite(thing.emoji, scene.artist, thing.size), *thing.place)
    for sign in scene.signs:
        _print(canvas, sign)
    return canvas


def _background(scene: Scene) -> Image:
    sample, y, x = scene.cut
    relief = _texture(scene.texture, sample, scene.size)[y : y + scene.size, x : x + scene.size]
    colour = np.array(BACKGROUNDS[scene.background], np.int16) + np.int16(scene.shade)
    canvas: Image = np.clip(relief[..., None] + colour, 0, 255).astype(np.uint8)
    return canvas


def visible_things(things: tuple[SceneThing, ...], signs: tuple[Sign, ...], artist: str, size: int) -> NDArray[np.int8]:
    """Index of the thing that each pixel shows, -1 for none: int8 [size, size]."""
    canvas = np.full((size, size), -1, np.int8)
    for number, thing in enumerate(things):
        if thing.tile is not None:
            coverage, (y, x) = _disc_under(thing, artist)
            _mark(canvas, coverage, y, x, -1)
        _mark(canvas, atlas.scaled_sprite(thing.emoji, artist, thing.size)[..., 3], *thing.place, number)
    for sign in signs:
        y0, x0, y1, x1 = sign.box
        canvas[y0:y1, x0:x1] = -1
    return canvas


def _disc_under(thing: SceneThing, artist: str) -> tuple[Image, tuple[int, int]]:
    """Coverage of the disc centred under a thing, and its corner `(y, x)`, which may lie outside the image."""
    height, width = atlas.scaled_sprite(thing.emoji, artist, thing.size).shape[:2]
    diameter = disc_diameter(thing.size)
    return _disc(diameter), (
        thing.place[0] + (height - diameter) // 2,
        thing.place[1] + (width - diameter) // 2,
    )


def disc_diameter(size: int) -> int:
    """Diameter of the disc under a thing whose longer side is `size`: a sixth more."""
    return size + max(2, size // 6)


def paste(canvas: Image, sprite: Image, y: int, x: int) -> None:
    """Draw a premultiplied sprite over the canvas at `(y, x)`, clipped at the edges."""
    spot, part = _overlap(canvas, sprite, y, x)
    transparency = 255 - part[..., 3:].astype(np.uint16)
    canvas[spot] = part[..., :3] + ((canvas[spot] * transparency + 127) // 255).astype(np.uint8)


def blend(canvas: Image, coverage: Image, y: int, x: int, colour: tuple[int, int, int]) -> None:
    """Blend a colour over the canvas, with `coverage` as its opacity, clipped at the edges."""
    spot, part = _overlap(canvas, coverage, y, x)
    opacity = part[..., None].astype(np.uint16)
    canvas[spot] = (canvas[spot] * (255 - opacity) + np.array(colour, np.uint16) * opacity + 127) // 255


def _print(canvas: Image, sign: Sign) -> None:
    """Draw the plate with the word in its middle."""
    y0, x0, y1, x1 = sign.box
    canvas[y0:y1, x0:x1] = PLATES[sign.colour]
    text = atlas.printed_word(sign.word, sign.letter)
    top, left = (y0 + y1 - text.shape[0]) // 2, (x0 + x1 - text.shape[1]) // 2
    blend(canvas, text, top, left, INK)


def _mark(canvas: NDArray[np.int8], coverage: Image, y: int, x: int, number: int) -> None:
    spot, part = _overlap(canvas, coverage, y, x)
    canvas[spot][part >= atlas.OPAQUE] = number


def _overlap(canvas: NDArray[np.generic], part: Image, y: int, x: int) -> tuple[tuple[slice, slice], Image]:
    """The region of the canvas that `part` at `(y, x)` covers, and the piece of `part` inside it."""
    y0, x0 = max(y, 0), max(x, 0)
    y1, x1 = min(y + part.shape[0], canvas.shape[0]), min(x + part.shape[1], canvas.shape[1])
    return (slice(y0, y1), slice(x0, x1)), part[y0 - y : y1 - y, x0 - x : x1 - x]


@lru_cache(maxsize=1000)
def _disc(diameter: int) -> Image:
    """Coverage uint8 [diameter, diameter] of a filled circle, averaged over 4 x 4 points per pixel."""
    points = np.arange(4 * diameter) * 2 + 1 - 4 * diameter
    inside = (points[:, None] ** 2 + points[None] ** 2 <= (4 * diameter) ** 2).astype(np.uint16)
    coverage = inside.reshape(diameter, 4, diameter, 4).sum(axis=(1, 3)) * 255 // 16
    rounded: Image = coverage.astype(np.uint8)
    return rounded


@cache
def _texture(name: str, sample: int, side: int) -> NDArray[np.int16]:
    """Brightness offsets int16 [2 side, 2 side], from which an image of `side` pixels takes a crop."""
    rng = np.random.Generator(np.random.PCG64([TEXTURES.index(name), sample]))
    unit = max(1, side // 64)  # patterns scale with the image
    extent = 2 * side // unit
    y, x = np.mgrid[:extent, :extent]
    period = 3 + sample % 4
    wave: dict[str, NDArray[np.int64]] = {
        "plain": 0 * x,
        "stripes": y // period % 2 * 2 - 1,
        "bars": x // period % 2 * 2 - 1,
        "diagonals": (x + y) // period % 2 * 2 - 1,
        "checks": (x // period + y // period) % 2 * 2 - 1,
        "dots": 1 - 2 * ((x % (period + 2) - 2) ** 2 + (y % (period + 2) - 2) ** 2 <= 2),
    }
    if name == "grain":
        offsets = rng.integers(-CONTRAST, CONTRAST + 1, (extent, extent))
    elif name == "clouds":
        offsets = _clouds(rng, extent)
    else:
        offsets = wave[name] * rng.integers(CONTRAST // 2, CONTRAST + 1)
    return offsets.repeat(unit, 0).repeat(unit, 1).astype(np.int16)


def _clouds(rng: np.random.Generator, extent: int) -> NDArray[np.int64]:
    """Noise smoothed three times by a box filter of nine pixels, scaled to the contrast."""
    field = rng.integers(-1000, 1001, (extent, extent))
    for axis in (0, 1) * 3:
        field = sum((np.roll(field, shift, axis) for shift in range(-4, 5)), np.zeros_like(field)) // 9
    return field * CONTRAST // int(np.abs(field).max())
