"""Two runs side by side: their numbers, and what differs in their experiments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from rich.console import Console
from rich.table import Table as RichTable

from pali3kit.errors import DataError
from pali3kit.report.arms import ONLY_ARM
from pali3kit.report.model import Report, ResultCell, ResultTable, Row
from pali3kit.report.outcomes import OUTCOMES, read_outcomes
from pali3kit.report.table import ABSENT, number, plain_text, with_interval

_NAMES = ("name",)  # of an experiment: what runs may be called does not distinguish them


def compare_runs(first: Path, second: Path, console: Console | None = None) -> None:
    """Print the columns of two runs, or outcomes files, side by side, then the settings that differ.

    The difference has no interval: outcomes have no samples by which to pair the runs.

    Raises DataError where one of them has no outcomes.
    """
    console = console or Console()
    reports = [read_outcomes(_outcomes(place)) for place in (first, second)]
    names = (str(first), str(second))
    for title, table in _tables(reports, names):
        console.print(title, style="bold", markup=False, highlight=False)
        if table.row_count:
            console.print(table)
    grid = RichTable(title="what differs in the experiments", title_justify="left", title_style="bold")
    for header in ("key", *names):
        grid.add_column(plain_text(header), overflow="fold")
    differing = list(differing_settings(*(dict(flat_settings(each.config)) for each in reports)))
    differing += list(differing_settings(*(dict(flat_settings(each.versions, "version.")) for each in reports)))
    for line in differing:
        grid.add_row(*map(plain_text, line))
    console.print(grid if differing else "no setting differs")


def _outcomes(place: Path) -> Path:
    file = place / OUTCOMES if place.is_dir() else place
    if not file.is_file():
        raise DataError(f"{place} is neither an outcomes file nor a finished run: there is no {file}.")
    return file


def _tables(reports: list[Report], names: tuple[str, str]) -> Iterator[tuple[str, RichTable]]:
    """A title and a table for each stage after which one of them is measured: a line for each row and column."""
    by_stage = [{table.after: table for table in report.tables} for report in reports]
    for after in dict.fromkeys(key for each in by_stage for key in each):
        pair = [each.get(after) for each in by_stage]
        title = next(table.title for table in pair if table)
        lines, alone = _lines(*(_cells(table) for table in pair))
        grid = RichTable()
        for header in ("row", "column"):
            grid.add_column(header, overflow="fold")
        for header in (*names, "difference"):
            grid.add_column(plain_text(header), justify="right", overflow="fold")
        for line in lines:
            grid.add_row(*map(plain_text, line))
        counts = f"{len(lines)} numbers in both" + (f", {alone} in one of them alone" if alone else "")
        yield f"{title}: {counts}", grid


_Key = tuple[str, str, int]  # a row, the title of a column and its digits


def _cells(table: ResultTable | None) -> dict[_Key, ResultCell]:
    if table is None:
        return {}
    return {
        (_label(row), column.title, column.benchmark.digits): row.cells[column.name]
        for row in table.rows
        for column in table.columns
    }


def _label(row: Row) -> str:
    return "" if row.label == ONLY_ARM else row.label


def _lines(first: Mapping[_Key, ResultCell], second: Mapping[_Key, ResultCell]) -> tuple[list[tuple[str, ...]], int]:
    """A line for each number that both have, and how many one has alone."""
    both = [key for key in first if key in second]
    lines = []
    for key in both:
        row, column, digits = key
        one, other = first[key].ours, second[key].ours
        shown = [with_interval(ours, digits=digits) if ours else ABSENT for ours in (one, other)]
        difference = number(other.mean - one.mean, True, digits) if one and other else ABSENT
        lines.append((row, column, *shown, difference))
    return lines, len(first.keys() | second.keys()) - len(both)


def flat_settings(value: object, key: str = "") -> Iterator[tuple[str, str]]:
    """The settings of a configuration by dotted keys."""
    if isinstance(value, Mapping) and value:
        for name, each in value.items():
            yield from flat_settings(each, f"{key}{name}" if not key or key.endswith(".") else f"{key}.{name}")
    else:
        yield key, str(value)


def differing_settings(first: Mapping[str, str], second: Mapping[str, str]) -> Iterable[tuple[str, str, str]]:
    for key in dict.fromkeys([*first, *second]):
        one, other = first.get(key, ABSENT), second.get(key, ABSENT)
        if one != other and key not in _NAMES:
            yield key, one, other
