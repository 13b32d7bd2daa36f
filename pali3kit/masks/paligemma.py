"""Regions as PaliGemma writes them: four `<loc....>` and sixteen `<seg...>` (paper.md §4.2).

`<loc0348><loc0543><loc0684><loc0664><seg081>...<seg010>`: y0 x0 y1 x1, then the codes of the mask inside the box, with
nothing between. Each is one token of PaliGemma's vocabulary. It is the convention of `masks.codec` with 1024 bins in
other signs: the same fractions of the picture's sides and the same codes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from pali3kit.errors import DataError
from pali3kit.masks import codec
from pali3kit.masks.codec import Box, Signs

BINS, CODES = 1024, 128
SIGNS = Signs(number="<loc{:04}>", code="<seg{:03}>", between="")
_REGION = re.compile(r"\s*((?:<loc\d{4}>\s*)+)((?:<seg\d{3}>\s*)*)", re.ASCII)


def write_box(box: Sequence[float], height: int, width: int) -> str:
    """A box (y0, x0, y1, x1, pixels) as text: each coordinate as round(coordinate / side * 1023).

    A box that is thinner than that is made one step wide, as `masks.codec.write_box` does.

    Raises:
        DataError: the box is empty or outside the picture.
    """
    return "".join(SIGNS.number.format(int(n)) for n in codec.write_box(box, height, width, BINS).split())


def write_codes(codes: Sequence[int]) -> str:
    """Mask tokens as text.

    Raises:
        DataError: a code is not below 128.
    """
    if any(not 0 <= code < CODES for code in codes):
        raise DataError(f"PaliGemma has {CODES} mask tokens, counted from 0, not all of {list(codes)}")
    return "".join(map(SIGNS.code.format, codes))


def write(box: str, codes: Sequence[int]) -> str:
    """A box that `write_box` wrote, and the codes of the mask in it. Errors are those of `write_codes`."""
    return box + write_codes(codes)


def read(text: str) -> tuple[Box | None, list[int] | None]:
    """The box, as fractions (y0, x0, y1, x1) of the picture's sides, and the 16 mask codes that `text` begins with.

    White space is free and words that follow the region are ignored. The box is None unless there are exactly four
    `<loc....>` below 1024 that enclose an area; the codes are None unless exactly 16 `<seg...>` below 128 follow it.
    """
    match = _REGION.match(text)
    return (None, None) if match is None else codec.checked(match[1], match[2], BINS, CODES)


def from_numbers(text: str, bins: int = 1000) -> str | None:
    """What `masks.codec` wrote with `bins` in PaliGemma's signs: the region alone, the box alone where it has no valid
    mask, None where it has no box. With 1024 bins nothing changes; with others corners move by half a step at most.
    """
    box, codes = codec.read(text, bins, CODES)
    if box is None:
        return None
    written = write_box(box, 1, 1)
    return written if codes is None else write(written, codes)


def to_numbers(text: str, bins: int = 1000) -> str | None:
    """The way back, with the same exceptions: what `masks.codec.read` reads with `bins`."""
    box, codes = read(text)
    if box is None:
        return None
    written = codec.write_box(box, 1, 1, bins)
    return written if codes is None else codec.write(written, codes)
