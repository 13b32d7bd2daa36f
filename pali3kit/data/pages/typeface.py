"""Packed typefaces: the coverage of words at any size. The file is read when first used and kept.

Words are composed at the packed size and scaled down as a whole. The scale in height makes the x-height a whole number
of pixels, so that small letters have sharp tops and bases.
"""

from __future__ import annotations

import json
import lzma
from functools import cache, lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pali3kit.data.pages.scripts import is_right_to_left, visual
from pali3kit.data.world.scene import Box
from pali3kit.errors import DataError, nearest

ASSETS = Path(__file__).parent / "assets"
FACES: tuple[str, ...] = ("sans", "bold", "serif", "mono")
EM, ASCENT, LINE = 48, 48, 70  # packed em, height above the baseline, height of the whole line; pixels
X_HEIGHT = 0.547  # of an em, in all faces (DejaVu Serif: 0.52)
CAPITALS = 0.73  # height of capitals and digits, of an em
_DARKER = 1.3  # thin strokes of small text lose contrast by averaging

Pixels = NDArray[np.uint8]
_Glyph = tuple[int, int, float, Pixels]  # left, top, advance, coverage


@cache
def fonts_digest() -> str:
    """SHA-256 of the digests of the packed files, as the packing script wrote it."""
    return str(json.loads((ASSETS / "PROVENANCE.json").read_text())["digest"])


@cache
def _glyphs() -> dict[tuple[str, str], _Glyph]:
    """The packed glyphs by face and character."""
    with lzma.open(ASSETS / "glyphs.xz") as file:
        table, packed = np.load(file, allow_pickle=False), np.load(file, allow_pickle=False)
    pixels = np.stack([packed >> 4, packed & 15], axis=1).ravel() * 17
    glyphs, start = {}, 0
    for face, code, left, top, width, height, advance in table.tolist():
        coverage = pixels[start : start + width * height].reshape(height, width)
        glyphs[FACES[face], chr(code & 0xFFFF)] = left, top, advance / 16, coverage
        start += width * height
    return glyphs


def _glyph(face: str, character: str) -> _Glyph:
    """A glyph; scripts that only "sans" has are taken from it."""
    glyphs = _glyphs()
    found = glyphs.get((face, character)) or glyphs.get(("sans", character))
    if found is None:
        if face not in FACES:
            raise DataError(f"no typeface {face!r} for pages.{nearest(face, FACES)}")
        raise DataError(f"typeface {face!r} has no character {character!r} (U+{ord(character):04X})")
    return found


@lru_cache(maxsize=20_000)
def _packed_width(word: str, face: str) -> float:
    """The width of a word at the packed size, pixels."""
    return sum(_glyph(face, character)[2] for character in visual(word))


@lru_cache(maxsize=20_000)
def word_coverage(word: str, face: str, height: int, condensed: float = 1.0) -> tuple[Pixels, int, Box]:
    """Coverage uint8 [h, w] of a word at an em of `height` pixels, the row of its baseline, and the box of its ink.

    `condensed` scales its width. Characters are in logical order. Raises DataError for an unknown face or character.
    """
    characters, margin = visual(word), EM // 2
    line = np.zeros((LINE, int(_packed_width(word, face)) + 2 * margin), np.uint8)
    pen = float(margin)
    for character in characters:
        left, top, advance, glyph = _glyph(face, character)
        x = round(pen) + left
        spot = line[top : top + glyph.shape[0], x : x + glyph.shape[1]]
        np.maximum(spot, glyph[: spot.shape[0], : spot.shape[1]], out=spot)
        pen += advance
    up, across = _scales(height, condensed)
    wide, tall = max(1, round((line.shape[1] - 2 * margin) * across)), round(LINE * up)
    # The box, in packed pixels, is that of whole pixels of the result: the baseline lies between two of them.
    baseline = round(ASCENT * up)
    rows = (ASCENT - baseline / up, ASCENT + (tall - baseline) / up)
    if rows[0] < 0 or rows[1] > LINE:
        line = np.pad(line, ((EM // 4, EM // 4), (0, 0)))
        rows = (rows[0] + EM // 4, rows[1] + EM // 4)
    side = 1 / across  # a pixel more on each side, for strokes that lean out
    box = (margin - side, rows[0], margin + (wide + 1) / across, rows[1])
    small = Image.fromarray(line).resize((wide + 2, tall), Image.Resampling.BOX, box=box)
    coverage = np.minimum(np.asarray(small) * np.float32(_DARKER), 255).astype(np.uint8)
    coverage.setflags(write=False)
    return coverage, baseline, _ink_box(coverage)


def _ink_box(coverage: Pixels) -> Box:
    """The box of the pixels that are at least a quarter covered."""
    inked = coverage >= 64
    rows, columns = np.nonzero(inked.any(1))[0], np.nonzero(inked.any(0))[0]
    if not len(rows):
        return 0, 0, *coverage.shape
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _scales(height: int, condensed: float) -> tuple[float, float]:
    """The factors of a packed word's height and width."""
    return max(1, round(X_HEIGHT * height)) / (X_HEIGHT * EM), condensed * height / EM


def space_width(height: int) -> int:
    """The gap between two words at an em of `height`, pixels."""
    return max(2, round(0.32 * height))


def text_width(text: str, height: int, face: str = "sans", condensed: float = 1.0) -> int:
    """The width of a line of words at an em of `height`, pixels."""
    across = _scales(height, condensed)[1]
    words = [max(1, round(int(_packed_width(word, face)) * across)) for word in text.split()]
    return sum(words) + space_width(height) * max(0, len(words) - 1)


def line_order(text: str) -> list[str]:
    """The words of a line from left to right: a line that begins in Hebrew or Arabic runs from right to left."""
    words = text.split()
    return words[::-1] if words and is_right_to_left(words[0]) else words
