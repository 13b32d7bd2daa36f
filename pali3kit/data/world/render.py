"""Draws scenes: background, discs, sprites, signs; and says which pixel shows which thing.

All arithmetic is on integers, so a scene is the same bytes on every machine.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.world import atlas, textures
from pali3kit.data.world.palette import BACKGROUNDS, INK, PLATES, TILES
from pali3kit.data.world.scene import Scene, Sign, Thing

Image = NDArray[np.uint8]


def render(scene: Scene) -> Image:
    """The picture, RGB uint8 [size, size, 3]."""
    canvas = background(scene)
    for thing in scene.things:
        if thing.tile is not None:
            coverage, (y, x) = _disc_under(thing, scene.artist)
            tint(canvas, coverage, y, x, TILES[thing.tile])
        paste(canvas, atlas.sized(thing.emoji, scene.artist, thing.size), *thing.place)
    for sign in scene.signs:
        _print(canvas, sign)
    return canvas


def background(scene: Scene) -> Image:
    """Colour, shade and texture only: uint8 [size, size, 3]."""
    sample, y, x = scene.cut
    relief = textures.pattern(scene.texture, sample, scene.size)[y : y + scene.size, x : x + scene.size]
    colour = np.array(BACKGROUNDS[scene.background], np.int16) + np.int16(scene.shade)
    canvas: Image = np.clip(relief[..., None] + colour, 0, 255).astype(np.uint8)
    return canvas


def owners(things: tuple[Thing, ...], signs: tuple[Sign, ...], artist: str, size: int) -> NDArray[np.int8]:
    """Number of the thing that each pixel shows, -1 for none: int8 [size, size]."""
    canvas = np.full((size, size), -1, np.int8)
    for number, thing in enumerate(things):
        if thing.tile is not None:
            coverage, (y, x) = _disc_under(thing, artist)
            _mark(canvas, coverage, y, x, -1)
        _mark(canvas, atlas.sized(thing.emoji, artist, thing.size)[..., 3], *thing.place, number)
    for sign in signs:
        y0, x0, y1, x1 = sign.box
        canvas[y0:y1, x0:x1] = -1
    return canvas


def _disc_under(thing: Thing, artist: str) -> tuple[Image, tuple[int, int]]:
    """Coverage of a thing's disc, centred under its drawing, and the corner `(y, x)`, which may lie outside."""
    height, width = atlas.sized(thing.emoji, artist, thing.size).shape[:2]
    diameter = disc_diameter(thing.size)
    return atlas.disc(diameter), (
        thing.place[0] + (height - diameter) // 2,
        thing.place[1] + (width - diameter) // 2,
    )


def disc_diameter(size: int) -> int:
    """A disc is a sixth wider than its thing."""
    return size + max(2, size // 6)


def paste(canvas: Image, sprite: Image, y: int, x: int) -> None:
    """Puts a premultiplied sprite over the canvas at `(y, x)`, cut at the edges."""
    spot, part = _overlap(canvas, sprite, y, x)
    rest = 255 - part[..., 3:].astype(np.uint16)
    canvas[spot] = part[..., :3] + ((canvas[spot] * rest + 127) // 255).astype(np.uint8)


def tint(canvas: Image, coverage: Image, y: int, x: int, colour: tuple[int, int, int]) -> None:
    """Blends one colour over the canvas where `coverage` says so."""
    spot, part = _overlap(canvas, coverage, y, x)
    share = part[..., None].astype(np.uint16)
    canvas[spot] = (canvas[spot] * (255 - share) + np.array(colour, np.uint16) * share + 127) // 255


def _print(canvas: Image, sign: Sign) -> None:
    """A plate with the word in its middle."""
    y0, x0, y1, x1 = sign.box
    canvas[y0:y1, x0:x1] = PLATES[sign.colour]
    text = atlas.printed(sign.word, sign.letter)
    top, left = (y0 + y1 - text.shape[0]) // 2, (x0 + x1 - text.shape[1]) // 2
    tint(canvas, text, top, left, INK)


def _mark(canvas: NDArray[np.int8], coverage: Image, y: int, x: int, number: int) -> None:
    spot, part = _overlap(canvas, coverage, y, x)
    canvas[spot][part >= atlas.OPAQUE] = number


def _overlap(canvas: NDArray[np.generic], part: Image, y: int, x: int) -> tuple[tuple[slice, slice], Image]:
    """The canvas region that `part` at `(y, x)` covers, and the piece of `part` that falls inside."""
    y0, x0 = max(y, 0), max(x, 0)
    y1, x1 = min(y + part.shape[0], canvas.shape[0]), min(x + part.shape[1], canvas.shape[1])
    return (slice(y0, y1), slice(x0, x1)), part[y0 - y : y1 - y, x0 - x : x1 - x]
