"""One report of an experiment whose parts ran on machines that share no store, from their outcomes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from pali3kit.errors import DataError
from pali3kit.report.collect import TRANSFER
from pali3kit.report.comparison import differing_settings, flat_settings
from pali3kit.report.model import Report, ResultTable, Row, SliceTable

T = TypeVar("T")
_OWN = ("name", "seeds", "grid", "baseline")
"""Settings in which the parts of an experiment differ."""


def join_reports(reports: Sequence[Report]) -> Report:
    """The rows of all reports; of a row that several have, the one with the most seeds, or the first of them.

    A row stays as it was reported: its intervals and differences are of its own seeds, paired with the baseline of the
    same report. The first report gives the name, and the order of what it has.

    Raises DataError where other settings differ than arms, points of the grid and seeds.
    """
    first, *others = reports
    for other in others:
        if differing := list(differing_settings(_settings(first), _settings(other))):
            told = "; ".join(f"{key}: {one}, {another}" for key, one, another in differing)
            raise DataError(f"reports of different experiments cannot be joined: {told}.")
    tables = [_joined([table for report in reports for table in report.tables if table.after == after])
              for after in dict.fromkeys(table.after for report in reports for table in report.tables)]  # fmt: skip
    return replace(
        first,
        seeds=tuple(sorted({seed for report in reports for seed in report.seeds})),
        tables=tuple(tables),
        slices=tuple(_joined_slices(reports)),
        notes=_distinct(note for report in reports for note in report.notes),
        stages=_distinct(stage for report in reports for stage in report.stages),
    )


def _settings(report: Report) -> dict[str, str]:
    """What all reports must share: the settings but those of `_OWN`, and the columns after each stage."""
    settings = {key: value for key, value in flat_settings(report.config) if key.partition(".")[0] not in _OWN}
    columns = {f"columns after {table.after}": " ".join(column.name for column in table.columns)
               for table in report.tables}  # fmt: skip
    return settings | columns


def _joined(tables: Sequence[ResultTable]) -> ResultTable:
    found: dict[str, Row] = {}
    for row in (row for table in tables for row in table.rows):
        if row.label not in found or _seeds(row) > _seeds(found[row.label]):
            found[row.label] = row
    return replace(tables[0], rows=tuple(found.values()))


def _joined_slices(reports: Sequence[Report]) -> Iterator[SliceTable]:
    """The slices of all rows, each from the report that its row is from, by columns and attributes."""
    found: dict[tuple[str, str], dict[str, tuple[int, SliceTable]]] = {}
    for report in reports:
        seeds = {(table.after, row.label): _seeds(row) for table in report.tables for row in table.rows}
        for each in report.slices:
            count = seeds.get((each.column.partition("@")[2] or TRANSFER, each.label), 0)
            rows = found.setdefault((each.column, each.attribute), {})
            if each.label not in rows or count > rows[each.label][0]:
                rows[each.label] = count, each
    return (table for rows in found.values() for _, table in rows.values())


def _seeds(row: Row) -> int:
    return max((len(cell.per_seed) for cell in row.cells.values()), default=0)


def _distinct(values: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(values))
