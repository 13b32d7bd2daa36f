"""Rows of a table with names in its first line, whose cells may be quoted, read at random."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from pali3kit.data.lines import Lines
from pali3kit.errors import DataError

QUOTE = b'"'


class CellTable:
    """The rows below the names of a file, as `csv` reads them: a quoted cell may hold tabs, commas, quotes and lines.

    Empty lines are none, as for pandas, and for pyarrow, by which img2dataset counts rows. A row that begins with a
    quote which never ends is one line, and bad: the next row is on the next line.

    Args:
        lines: of one file.
        delimiter: between cells.
    """

    def __init__(self, lines: Lines, delimiter: str) -> None:
        self.lines, self.delimiter = lines, delimiter

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the first line holds; nothing where that is no row of cells."""
        try:
            return tuple(name.strip() for name in _cells(self.lines[0], self.delimiter)) if len(self.lines) else ()
        except csv.Error:
            return ()

    def check_names(self) -> None:
        """Raises DataError where two columns have one name."""
        twice = [name for name in self.names if name and self.names.count(name) > 1]
        if twice:
            raise DataError(f"{self.lines.where(0)}: two columns are called '{twice[0]}'")

    def __len__(self) -> int:
        return len(self._firsts)

    def __getitem__(self, row: int) -> dict[str, str]:
        """The cells of a row by their names. Raises DataError for one with more or fewer than there are names."""
        try:
            cells = _cells(self.lines.span(int(self._firsts[row]), self._count(row)), self.delimiter)
        except csv.Error as error:
            raise DataError(f"{self.where(row)}: no readable row: {error}") from error
        if len(cells) != len(self.names):
            raise DataError(f"{self.where(row)}: {len(cells)} columns, where the first line has {len(self.names)}")
        return dict(zip(self.names, cells, strict=True))

    def head(self, row: int) -> bytes:
        """The line that a row begins on."""
        return self.lines[int(self._firsts[row])]

    def where(self, row: int) -> str:
        """What to call a row in errors: `file:line`."""
        return self.lines.where(int(self._firsts[row]))

    def _count(self, row: int) -> int:
        """On how many lines a row stands."""
        last = self._firsts[row + 1] if row + 1 < len(self) else self._end
        return int(last - self._firsts[row])

    @cached_property
    def _end(self) -> int:
        return len(self.lines)

    @cached_property
    def _firsts(self) -> np.ndarray:
        """The lines that rows begin on, int64."""
        inner = np.zeros(len(self.lines), bool)
        inner[:1] = True
        inner[[line for line in map(int, np.flatnonzero(self.lines.lengths() <= 2)) if not self.lines[line]]] = True
        for line, count in self._spans():
            inner[line + 1 : line + count] = True
        return np.flatnonzero(~inner)

    def _spans(self) -> Iterator[tuple[int, int]]:
        """The rows that stand on several lines, so that quotes on the first are not even: that line, and how many."""
        behind = 1
        for line in map(int, np.flatnonzero(self.lines.counts(QUOTE) % 2)):
            if line >= behind:
                behind = line + self._span(line)
                yield line, behind - line

    def _span(self, line: int) -> int:
        """On how many lines the row that begins on `line` stands; 1 where its quotes are not in order."""
        rest = (self.lines.span(number, 1).decode(errors="replace") for number in range(line, len(self.lines)))
        reader = csv.reader(rest, delimiter=self.delimiter, strict=True)
        try:
            next(reader)
        except (csv.Error, StopIteration):
            return 1
        return reader.line_num


def _cells(row: bytes, delimiter: str) -> list[str]:
    """The cells of one row, as `csv` reads them. Raises csv.Error where their quotes are not in order."""
    text = row.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
