"""Regions as text: four coordinates and sixteen mask tokens (paper.md §4.1).

`348 543 684 664 <mask_token 81> ... <mask_token 10>`: y0 x0 y1 x1 as whole numbers from 0 to bins - 1, then the codes
of the mask inside the box. The paper's bins are 1000; the embedded world takes fewer, hence shorter, ones.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pali3kit.errors import DataError

CODES_PER_MASK = 16
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Signs:
    """The formats in which a convention writes a number and a code, and what it puts between two of them."""

    number: str
    code: str
    between: str


SIGNS = Signs(number="{}", code="<mask_token {}>", between=" ")
_REGION = re.compile(r"\s*(\d{1,6}(?:\s+\d{1,6})*)(?![^\s<])\s*((?:<mask_token \d{1,6}>\s*)*)", re.ASCII)


def write_box(box: Sequence[float], height: int, width: int, bins: int = 1000) -> str:
    """A box (y0, x0, y1, x1, pixels) as text.

    Each coordinate is written as round(coordinate / side * (bins - 1)), so 0 and the full side are exact, and reading
    it back is off by at most side / (bins - 1) / 2 pixels. A box that is thinner than a bin would be written as a
    line; its far side is then moved by one bin (its near side at the picture's far edge), so that every box can be
    read back.

    Raises:
        DataError: the box is empty or outside the picture, or there are fewer than two bins.
    """
    y0, x0, y1, x1 = box
    if bins < 2:
        raise DataError(f"a coordinate needs at least 2 bins, got {bins}")
    if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
        raise DataError(f"box {tuple(box)} is empty or outside a picture of {height}x{width}")
    top, bottom = _bins(y0 / height, y1 / height, bins - 1)
    left, right = _bins(x0 / width, x1 / width, bins - 1)
    return f"{top} {left} {bottom} {right}"


def _bins(low: float, high: float, last: int) -> tuple[int, int]:
    start, end = round(low * last), round(high * last)
    if start < end:
        return start, end
    return (start, end + 1) if end < last else (start - 1, end)


def write_codes(codes: Sequence[int]) -> str:
    """Mask tokens as text."""
    return SIGNS.between.join(map(SIGNS.code.format, codes))


def write(box: str, codes: Sequence[int]) -> str:
    """A box that `write_box` wrote, and the codes of the mask in it."""
    return f"{box} {write_codes(codes)}"


def read(text: str, bins: int = 1000, codes: int = 128) -> tuple[Box | None, list[int] | None]:
    """The box, as fractions (y0, x0, y1, x1) of the picture's sides, and the 16 mask codes that `text` begins with.

    White space is free and words that follow the region are ignored. The box is None unless there are exactly four
    numbers below `bins` that enclose an area; the codes are None unless there are exactly 16 below `codes` and a box.
    An answer without a box and codes scores 0 in mIoU (paper.md §4.4).
    """
    match = _REGION.match(text)
    if match is None:
        return None, None
    return checked(match[1], match[2], bins, codes)


def checked(numbers: str, tokens: str, bins: int, codes: int) -> tuple[Box | None, list[int] | None]:
    """What `read` returns of a text's numbers and mask tokens, in any convention."""
    corners, found = ([int(digits) for digits in re.findall(r"\d+", part)] for part in (numbers, tokens))
    if len(corners) != 4 or max(corners) >= bins:
        return None, None
    y0, x0, y1, x1 = (number / (bins - 1) for number in corners)
    if y0 >= y1 or x0 >= x1:
        return None, None
    valid = len(found) == CODES_PER_MASK and max(found) < codes
    return (y0, x0, y1, x1), found if valid else None
