"""Packed artwork: the sprites of both artists and printed letters. Files are read when first used and kept."""

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
OPAQUE = 128  # least alpha of a visible pixel
LETTER_ASPECT = 40 / 64  # width / height of a printed letter's cell

Pixels = NDArray[np.uint8]


@cache
def assets_digest() -> str:
    """SHA-256 of the digests of the packed files, as the packing script wrote it."""
    return str(json.loads((names.ASSETS / "PROVENANCE.json").read_text())["digest"])


@cache
def _sheet(artist: str) -> tuple[Pixels, Pixels]:
    """Palettes [categories, 256, 4] and palette indices [sprites, 48, 48]."""
    if artist not in ARTISTS:
        raise DataError(f"no artist {artist!r} in the embedded world.{nearest(artist, ARTISTS)}")
    with lzma.open(names.ASSETS / f"{artist}.xz") as file:
        return np.load(file, allow_pickle=False), np.load(file, allow_pickle=False)


@cache
def _rows() -> dict[str, tuple[int, int]]:
    """Emoji -> (palette, row) of the sheets; skin tones share the palette of their bases."""
    palettes = {name: number for number, name in enumerate(sorted({names.category(one) for one in names.emoji()}))}
    bases = [*((one, one) for one in names.emoji()), *names.skin_toned()]
    return {one: (palettes[names.category(base)], row) for row, (one, base) in enumerate(bases)}


def sprite(emoji: str, artist: str) -> Pixels:
    """Premultiplied RGBA uint8 [48, 48, 4]."""
    palettes, pixels = _sheet(artist)
    palette, row = _rows()[emoji]
    rgba: Pixels = palettes[palette][pixels[row]]
    return rgba


@lru_cache(maxsize=50_000)
def scaled_sprite(emoji: str, artist: str, size: int) -> Pixels:
    """The sprite cropped to its visible pixels, longer side `size`: premultiplied RGBA uint8 [h, w, 4]."""
    full = sprite(emoji, artist)
    rows, columns = np.nonzero(full[..., 3] >= OPAQUE)
    full = full[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    longest = max(full.shape[:2])
    height, width = (max(1, round(side * size / longest)) for side in full.shape[:2])
    # Pillow filters premultiplied colours only in its own mode "RGBa".
    cropped = Image.frombuffer("RGBa", full.shape[1::-1], np.ascontiguousarray(full).tobytes(), "raw", "RGBa", 0, 1)
    small = np.asarray(cropped.resize((width, height), Image.Resampling.BILINEAR))
    small.setflags(write=False)
    return small


@cache
def _letters() -> Pixels:
    """Coverage of the capitals A-Z [26, 64, 40]."""
    row = np.asarray(Image.open(names.ASSETS / "letters.png", formats=["PNG"]))
    return np.ascontiguousarray(row.reshape(row.shape[0], 26, -1).swapaxes(0, 1))


@lru_cache(maxsize=50_000)
def printed_word(word: str, height: int) -> Pixels:
    """Coverage uint8 [H,W] of a word in capitals; gaps are a ninth of the height, a space is half a letter wide."""
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
