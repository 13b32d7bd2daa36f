"""Random access to the rows of a CSV or TSV file with column names in its first line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from pali3kit.data.lines import Lines
from pali3kit.errors import DataError

QUOTE = b'"'


class DelimitedTable:
    """The rows below the first line of a file, as `csv` reads them: quoted cells may hold delimiters and line breaks.

    Empty lines are not counted as rows, as in pandas and in pyarrow, by which img2dataset numbers rows. A row whose
    quote is never closed is one unreadable line: the next row begins on the next line.

    Args:
        lines: the lines of one file.
        delimiter: the character between cells.
    """

    def __init__(self, lines: Lines, delimiter: str) -> None:
        self.lines, self.delimiter = lines, delimiter

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The cells of the first line; none where it cannot be parsed."""
        try:
            return tuple(name.strip() for name in _cells(self.lines[0], self.delimiter)) if len(self.lines) else ()
        except csv.Error:
            return ()

    def check_names(self) -> None:
        """Raise DataError where two columns have the same name."""
        twice = [name for name in self.names if name and self.names.count(name) > 1]
        if twice:
            raise DataError(f"{self.lines.where(0)}: two columns are called '{twice[0]}'")

    def __len__(self) -> int:
        return len(self._first_lines)

    def __getitem__(self, row: int) -> dict[str, str]:
        """The cells of a row by column. Raises DataError where there are more or fewer cells than columns."""
        try:
            cells = _cells(self.lines.span(int(self._first_lines[row]), self._line_count(row)), self.delimiter)
        except csv.Error as error:
            raise DataError(f"{self.where(row)}: no readable row: {error}") from error
        if len(cells) != len(self.names):
            raise DataError(f"{self.where(row)}: {len(cells)} columns, where the first line has {len(self.names)}")
        return dict(zip(self.names, cells, strict=True))

    def first_line(self, row: int) -> bytes:
        """The line that a row begins on."""
        return self.lines[int(self._first_lines[row])]

    def where(self, row: int) -> str:
        """The position of a row for error messages: `file:line`."""
        return self.lines.where(int(self._first_lines[row]))

    def _line_count(self, row: int) -> int:
        """The number of lines of a row."""
        last = self._first_lines[row + 1] if row + 1 < len(self) else self._total_lines
        return int(last - self._first_lines[row])

    @cached_property
    def _total_lines(self) -> int:
        return len(self.lines)

    @cached_property
    def _first_lines(self) -> np.ndarray:
        """The lines that rows begin on, int64."""
        inner = np.zeros(len(self.lines), bool)
        inner[:1] = True
        inner[[line for line in map(int, np.flatnonzero(self.lines.lengths() <= 2)) if not self.lines[line]]] = True
        for line, count in self._multiline_rows():
            inner[line + 1 : line + count] = True
        return np.flatnonzero(~inner)

    def _multiline_rows(self) -> Iterator[tuple[int, int]]:
        """For each row of several lines: its first line, with an odd number of quotes, and the number of its lines."""
        next_row = 1
        for line in map(int, np.flatnonzero(self.lines.counts(QUOTE) % 2)):
            if line >= next_row:
                next_row = line + self._lines_of_row(line)
                yield line, next_row - line

    def _lines_of_row(self, line: int) -> int:
        """The number of lines of the row that begins on `line`; 1 where its quotes are not balanced."""
        rest = (self.lines.span(number, 1).decode(errors="replace") for number in range(line, len(self.lines)))
        reader = csv.reader(rest, delimiter=self.delimiter, strict=True)
        try:
            next(reader)
        except (csv.Error, StopIteration):
            return 1
        return reader.line_num


def _cells(row: bytes, delimiter: str) -> list[str]:
    """The cells of one row, as `csv` reads them. Raises csv.Error where quotes are not balanced."""
    text = row.decode("utf-8-sig", errors="replace").rstrip("\r\n")
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
