"""The scores of slices as grids of text, which all formats share, and the notes on them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from pali3kit.report.model import Report, Slice, SliceTable
from pali3kit.report.table import ABSENT, number

UNKNOWN = "unknown"
_HOW = (
    "Slices: the intervals hold together at 95% for all slices of a row in a column, {bounds}. That slices differ is a "
    "permutation test over the attribute's slices, at 5% for all attributes of a row in a column together. Lowest, "
    "median and highest leave out unknown values and slices of fewer than {least} examples. The lowest and highest of "
    "many slices differ by chance alone: read the test first. Nothing here knows of the noise of training, and "
    "questions on one image count as independent."
)
_AGAIN = (
    "Evaluations from before attributes were stored have none: remove their folders, evaluate-*, from the store and "
    "run the experiment again, which measures anew and trains nothing."
)


@dataclass(frozen=True, slots=True)
class SliceGrid:
    """The slices of a column by one attribute: `rows` have a name, the number of examples and a text for each arm."""

    title: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def slice_grids(report: Report) -> Iterator[SliceGrid]:
    """One grid for each column and attribute."""
    for (_, attribute), group in groupby(report.slices, key=lambda table: (table.column, table.attribute)):
        tables = list(group)
        title = f"{tables[0].title}, by {attribute} ({tables[0].benchmark.unit})"
        yield SliceGrid(title, ("", "n", *(table.label for table in tables)), tuple(_rows(tables)))


def slice_notes(report: Report) -> Iterator[str]:
    """How slices are measured, which attributes differ, and which slices are small, empty or of unknown values."""
    asked = report.config["evaluation"].get("slices", {}).get("by", ())
    if lacking := [name for name in asked if all(table.attribute != name for table in report.slices)]:
        yield f"Slices: no example that was measured has {' or '.join(lacking)}. {_AGAIN}"
    if not report.slices:
        return
    names = {"Wilson's of a share": False, "Student's t": False}
    for table in report.slices:
        names["Wilson's of a share" if table.benchmark.bounded else "Student's t"] = True
    bounds = " or ".join(name for name, used in names.items() if used)
    yield _HOW.format(bounds=f"{bounds} (Bonferroni)", least=report.slices[0].least)
    yield from _differences(report.slices)
    for kind, told in (("fewer than {least} examples, not scored", _small), ("no example", _empty)):
        yield from _listed(report.slices, kind, told)
    yield from _unknown(report.slices)


def slice_name(one: Slice) -> str:
    """What a slice is called in reports."""
    return one.value or UNKNOWN


def _rows(tables: Sequence[SliceTable]) -> Iterator[tuple[str, ...]]:
    values = dict.fromkeys(each.value for table in tables for each in table.slices)
    digits = tables[0].benchmark.digits
    for value in [*filter(None, values), *([""] if "" in values else [])]:
        same = [next((each for each in table.slices if each.value == value), Slice(value, 0)) for table in tables]
        counts = dict.fromkeys(f"{each.n:,}" for each in same)
        yield value or UNKNOWN, " / ".join(counts), *(_cell(each, digits) for each in same)
    summaries: dict[str, Callable[[SliceTable], float | None]] = {
        "lowest": lambda table: table.lowest,
        "median": lambda table: table.median,
        "highest": lambda table: table.highest,
    }
    for name, of in summaries.items():
        yield name, "", *(ABSENT if (found := of(each)) is None else number(found, digits=digits) for each in tables)
    yield "highest − lowest", "", *(_gap(table, digits) for table in tables)
    yield "slices differ", "", *map(_differ, tables)


def _cell(one: Slice, digits: int) -> str:
    if one.mean is None or one.low is None or one.high is None:
        return "too few" if one.n else "none"
    return _with_bounds(one.mean, one.low, one.high, digits)


def _with_bounds(mean: float, low: float, high: float, digits: int) -> str:
    first, *bounds = (number(value, digits=digits) for value in (mean, low, high))
    return f"{first} ({' to '.join(bounds)})"


def _gap(table: SliceTable, digits: int) -> str:
    if table.lowest is None or table.highest is None or table.gap_low is None or table.gap_high is None:
        return ABSENT
    return _with_bounds(table.highest - table.lowest, table.gap_low, table.gap_high, digits)


def _differ(table: SliceTable) -> str:
    if table.chance is None:
        return ABSENT
    return f"{'yes' if differs(table) else 'not shown'}, p = {table.chance:.3f}"


def differs(table: SliceTable) -> bool:
    """Whether the slices of a table differ by more than chance explains."""
    return table.chance is not None and table.level is not None and table.chance <= table.level


def _differences(tables: Sequence[SliceTable]) -> Iterator[str]:
    """The rows in which slices differ, by column and attribute; "all rows" where they do in each of several."""
    rows: dict[str, list[SliceTable]] = {}
    for table in tables:
        rows.setdefault(f"{table.title} by {table.attribute}", []).append(table)
    found = []
    for name, each in rows.items():
        labels = [table.label for table in each if differs(table)]
        if labels:
            found.append(f"{name}, {'all rows' if len(labels) == len(each) > 1 else ', '.join(labels)}")
    yield f"Slices differ in: {'; '.join(found)}." if found else "No attribute's slices are shown to differ."


def _small(table: SliceTable) -> list[str]:
    return [f"{slice_name(each)} ({each.n})" for each in table.slices if each.n and each.mean is None]


def _empty(table: SliceTable) -> list[str]:
    return [each.value for each in table.slices if not each.n]


def _listed(tables: Iterable[SliceTable], kind: str, told: Callable[[SliceTable], list[str]]) -> Iterator[str]:
    for table in tables:
        if values := told(table):
            what = kind.format(least=table.least)
            yield f"{table.title} by {table.attribute}, {table.label}: {what}: {', '.join(values)}."


def _unknown(tables: Iterable[SliceTable]) -> Iterator[str]:
    for table in tables:
        total = sum(each.n for each in table.slices)
        if unknown := sum(each.n for each in table.slices if not each.value):
            where = f"{table.title}, {table.label}"
            yield f"{where}: the attribute '{table.attribute}' of {unknown:,} of {total:,} examples is unknown."
