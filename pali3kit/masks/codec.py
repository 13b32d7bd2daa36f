"""Regions as text: a box of four coordinates, and sixteen mask tokens (paper.md §4.1).

PaLI-3 writes `348 543 684 664 <mask_token 81> ... <mask_token 10>`: y0 x0 y1 x1 as whole numbers from 0 to bins - 1,
then the codes of the mask inside the box. The paper has 1000 bins; the embedded world has fewer, so that texts are
shorter. PaliGemma writes the same with tokens of its own, `<loc0348><loc0543><loc0684><loc0664><seg081>...<seg010>`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pali3kit.errors import DataError

CODES_PER_MASK = 16
Box = tuple[float, float, float, float]

_NUMBERS = re.compile(r"\s*(\d{1,6}(?:\s+\d{1,6})*)(?![^\s<])\s*((?:<mask_token \d{1,6}>\s*)*)", re.ASCII)
_LOC_TOKENS = re.compile(r"\s*((?:<loc\d{4}>\s*)+)((?:<seg\d{3}>\s*)*)", re.ASCII)


@dataclass(frozen=True, slots=True)
class RegionFormat:
    """A way to write regions; by default PaLI-3's.

    Attributes:
        bins: the number of values of a coordinate, at least 2.
        codes: the number of mask tokens.
        number: format of a coordinate.
        code: format of a mask token.
        separator: text between two coordinates or mask tokens.
        pattern: what a region looks like, with its coordinates in group 1 and its mask tokens in group 2.
    """

    bins: int = 1000
    codes: int = 128
    number: str = "{}"
    code: str = "<mask_token {}>"
    separator: str = " "
    pattern: re.Pattern[str] = _NUMBERS

    def write_box(self, box: Sequence[float], height: int, width: int) -> str:
        """A box (y0, x0, y1, x1, pixels) as text.

        A coordinate is written as round(coordinate / side * (bins - 1)), so 0 and the full side are exact, and reading
        it back is off by at most side / (bins - 1) / 2 pixels. A box that is thinner than a bin would become a line;
        its far side is then moved by one bin (at the image's far edge its near side), so that it can be read back.

        Raises:
            DataError: the box is empty or outside the image, or there are fewer than two bins.
        """
        y0, x0, y1, x1 = box
        if self.bins < 2:
            raise DataError(f"a coordinate needs at least 2 bins, got {self.bins}")
        if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
            raise DataError(f"box {tuple(box)} is empty or outside an image of {height}x{width}")
        top, bottom = self._to_bins(y0 / height, y1 / height)
        left, right = self._to_bins(x0 / width, x1 / width)
        return self.separator.join(map(self.number.format, (top, left, bottom, right)))

    def _to_bins(self, low: float, high: float) -> tuple[int, int]:
        last = self.bins - 1
        start, end = round(low * last), round(high * last)
        if start < end:
            return start, end
        return (start, end + 1) if end < last else (start - 1, end)

    def write(self, box: str, codes: Sequence[int]) -> str:
        """A region: a box that `write_box` returned, and the codes of the mask in it.

        Raises:
            DataError: there is no token for a code.
        """
        if not all(0 <= code < self.codes for code in codes):
            raise DataError(f"there are {self.codes} mask tokens, counted from 0, but the codes are {list(codes)}")
        return self.separator.join([box, *map(self.code.format, codes)])

    def read(self, text: str) -> tuple[Box | None, list[int] | None]:
        """The box, as fractions (y0, x0, y1, x1) of the image's sides, and the 16 codes at the beginning of `text`.

        White space is ignored, and so are words after the region. The box is None unless there are exactly four numbers
        below `bins` that enclose an area; the codes are None unless there are a box and exactly 16 below `codes`. An
        answer without both scores 0 in mIoU (paper.md §4.4).
        """
        match = self.pattern.match(text)
        if match is None:
            return None, None
        corners, codes = ([int(digits) for digits in re.findall(r"\d+", part)] for part in match.groups())
        if len(corners) != 4 or max(corners) >= self.bins:
            return None, None
        y0, x0, y1, x1 = (corner / (self.bins - 1) for corner in corners)
        if y0 >= y1 or x0 >= x1:
            return None, None
        valid = len(codes) == CODES_PER_MASK and max(codes) < self.codes
        return (y0, x0, y1, x1), codes if valid else None

    def convert(self, text: str, target: RegionFormat) -> str | None:
        """A region in this format, written in another; None where it has no box, the box alone where it has no mask.

        With equal bins corners do not change; otherwise they move by at most half a bin of the target.
        """
        box, codes = self.read(text)
        if box is None:
            return None
        written = target.write_box(box, 1, 1)
        return written if codes is None else target.write(written, codes)


PALI = RegionFormat()
PALIGEMMA = RegionFormat(1024, 128, number="<loc{:04}>", code="<seg{:03}>", separator="", pattern=_LOC_TOKENS)
