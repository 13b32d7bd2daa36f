"""Packed pictures: sprites of both artists, printed letters, handwritten digits. Read once, when first asked for."""

from __future__ import annotations

import json
import lzma
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pali3kit.data.world import names
from pali3kit.errors import DataError, nearest

ARTISTS: tuple[str, ...] = ("noto", "twemoji")
OPAQUE = 128  # alpha from which a pixel counts as visible
LETTER_ASPECT = 40 / 64  # width / height of a printed letter's cell

Pixels = NDArray[np.uint8]


@cache
def digest() -> str:
    """SHA-256 of the packed files' digests, as the packing script wrote it."""
    return str(json.loads((names.ASSETS / "PROVENANCE.json").read_text())["digest"])


@cache
def _sheet(artist: str) -> tuple[Pixels, Pixels]:
    """Palettes [groups, 256, 4] and pixels [pictures, 48, 48]."""
    if artist not in ARTISTS:
        raise DataError(f"no artist {artist!r} in the embedded world.{nearest(artist, ARTISTS)}")
    with lzma.open(names.ASSETS / f"{artist}.xz") as file:
        return np.load(file, allow_pickle=False), np.load(file, allow_pickle=False)


@cache
def _rows() -> dict[str, tuple[int, int]]:
    """Emoji -> (palette, picture) of the sheets; skin tones share the palette of their bases."""
    groups = {group: number for number, group in enumerate(sorted({names.category(one) for one in names.emoji()}))}
    plain = [(one, one) for one in names.emoji()]
    return {one: (groups[names.category(base)], row) for row, (one, base) in enumerate([*plain, *names.toned()])}


def sprite(emoji: str, artist: str) -> Pixels:
    """Premultiplied RGBA uint8 [48, 48, 4]."""
    palettes, pixels = _sheet(artist)
    group, row = _rows()[emoji]
    picture: Pixels = palettes[group][pixels[row]]
    return picture


@lru_cache(maxsize=50_000)
def sized(emoji: str, artist: str, size: int) -> Pixels:
    """The picture cropped to what is visible, its longer side `size` pixels: premultiplied RGBA uint8 [h, w, 4]."""
    full = sprite(emoji, artist)
    rows, columns = np.nonzero(full[..., 3] >= OPAQUE)
    full = full[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    longest = max(full.shape[:2])
    height, width = (max(1, round(side * size / longest)) for side in full.shape[:2])
    # Pillow filters premultiplied colours only in its own mode "RGBa".
    picture = Image.frombuffer("RGBa", full.shape[1::-1], np.ascontiguousarray(full).tobytes(), "raw", "RGBa", 0, 1)
    small = np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    small.setflags(write=False)
    return small


@cache
def _letters() -> Pixels:
    """Coverage of the capitals A-Z [26, 64, 40]."""
    row = np.asarray(Image.open(names.ASSETS / "letters.png", formats=["PNG"]))
    return np.ascontiguousarray(row.reshape(row.shape[0], 26, -1).swapaxes(0, 1))


@lru_cache(maxsize=50_000)
def printed(word: str, height: int) -> Pixels:
    """A word in capitals, one pixel (at height 9) between letters, a space half a letter wide: uint8 [H,W]."""
    width, gap = round(height * LETTER_ASPECT), max(1, round(height / 9))
    widths = [width // 2 if letter == " " else width for letter in word]
    line = np.zeros((height, sum(widths) + gap * (len(word) - 1)), np.uint8)
    left = 0
    for letter, wide in zip(word.upper(), widths, strict=True):
        if letter != " ":
            cell = Image.fromarray(_letters()[ord(letter) - ord("A")])
            line[:, left : left + wide] = np.asarray(cell.resize((wide, height), Image.Resampling.BOX))
        left += wide + gap
    line.setflags(write=False)
    return line


@lru_cache(maxsize=1000)
def disc(diameter: int) -> Pixels:
    """Coverage uint8 [diameter, diameter] of a filled circle, averaged over 4 x 4 points a pixel."""
    points = np.arange(4 * diameter) * 2 + 1 - 4 * diameter
    inside = (points[:, None] ** 2 + points[None] ** 2 <= (4 * diameter) ** 2).astype(np.uint16)
    coverage = inside.reshape(diameter, 4, diameter, 4).sum(axis=(1, 3)) * 255 // 16
    rounded: Pixels = coverage.astype(np.uint8)
    return rounded


@cache
def digits() -> tuple[Pixels, Pixels]:
    """scikit-learn's handwritten digits: images uint8 [1797, 8, 8] in 0..16, labels uint8 [1797]."""
    with np.load(names.ASSETS / "digits.npz", allow_pickle=False) as file:
        return file["images"], file["labels"]
