"""The tables of results as lines of text, which all formats share; the terminal's tables and LaTeX's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from textwrap import fill

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from pali3kit.errors import counted
from pali3kit.report.arms import ONLY_ARM, label_of
from pali3kit.report.encoder_size import size_cells, size_columns
from pali3kit.report.escaping import escape_invisible
from pali3kit.report.model import Report, ResultCell, ResultTable, Row
from pali3kit.report.paper import PaperTable, PublishedNumber
from pali3kit.report.statistics import Interval

DELTA = "Δ"
ABSENT = "–"
OURS = "pali3kit"


@dataclass(frozen=True, slots=True)
class _Line:
    """One printed line. `kind`: heading (a group of systems), ours, paper, verdict or control; one text per column of
    the table. `opens`: a rule goes above it. `sizes`: one text per column of the encoder's size, where it is shown.
    """

    kind: str
    label: str
    cells: tuple[str, ...]
    opens: bool = False
    sizes: tuple[str, ...] = ()


def lines(report: Report, table: ResultTable) -> list[_Line]:
    """The paper's systems, our rows (baselines as absolute values, their partners as differences), the paper's arms,
    verdicts and the control. Below systems, all our rows are absolute values: they are compared with the systems.
    """
    rows, block = table.rows, size_columns(table)
    result = _systems(report.published, table) if report.published else []
    among_systems = bool(result)
    if any(line.kind == "heading" for line in result):
        result.append(_heading(table, "This run"))
    for row in rows:
        shown = replace(row, baseline="") if among_systems else row
        line = _line(table, shown, "ours", _name(shown, among_systems), _ours)
        result.append(replace(line, sizes=size_cells(row) if block else ()))
    if report.published is not None:
        result += [
            _line(table, row, "paper", _paper_name(report.published, row), _paper)
            for row in _distinct(rows)
            if any(cell.paper for cell in row.cells.values())
        ]
    for row in filter(_has_expected, rows):
        result.append(_line(table, row, "paper", f"{row.label}, published", _expected))
        result.append(_line(table, row, "verdict", f"{row.label} and the published", _reached))
    result += [
        _line(table, row, "verdict", f"{row.label} and the paper", _verdict) for row in rows if _has_verdict(row)
    ]
    result += [
        _line(table, row, "control", f"{row.label} against random", _control) for row in rows if _has_control(row)
    ]
    above = ["heading", *(line.kind for line in result)]
    blank = ("",) * len(block)
    return [
        replace(line, opens=kind not in ("heading", line.kind), sizes=line.sizes or blank)
        for kind, line in zip(above, result, strict=False)
    ]


def _systems(published: PaperTable, table: ResultTable) -> list[_Line]:
    """The systems with a number in a column of `table`, below the headings that the paper groups them under."""
    keys = [column.key for column in table.columns]
    result = []
    for group, systems in groupby(published.systems(keys), key=lambda system: system.group):
        if group:
            result.append(_heading(table, group))
        for system in systems:
            cells = tuple(
                _published(system.numbers.get(column.key), column.benchmark.digits) for column in table.columns
            )
            result.append(_Line("paper", system.label, cells))
    return result


def _heading(table: ResultTable, text: str) -> _Line:
    return _Line("heading", text, ("",) * len(table.columns))


def _published(found: PublishedNumber | None, digits: int) -> str:
    return number(found.value, digits=digits) + found.mark if found else ABSENT


def number(value: float, signed: bool = False, digits: int = 1) -> str:
    """One decimal, or `digits`, with a true minus sign: `41.2`, `+3.0`, `−0.4`; zero has no sign."""
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return text.removeprefix("+").removeprefix("-") if float(text) == 0 else text.replace("-", "−")


def with_interval(interval: Interval, signed: bool = False, digits: int = 1) -> str:
    """The mean and half the width of its 95% interval: `41.2 ± 1.3`; the mean alone where there is no interval."""
    text = number(interval.mean, signed, digits)
    return text if interval.method == "none" else f"{text} ± {(interval.high - interval.low) / 2:.{digits}f}"


def print_table(report: Report, console: Console | None = None) -> None:
    """Print the tables and notes to the terminal; a table too wide for it is turned on its side."""
    console = console or Console()
    for table in report.tables:
        printed = lines(report, table)
        title = f"{report.name}: {table.title.lower()} ({describe_setting(report)})"
        upright = _upright(title, table, printed)
        fits = _width(upright, console) <= console.width
        for grid in [upright] if fits else _sideways(title, table, printed, console):
            console.print(grid)
    for note in report.notes:
        console.print(plain_text(f"- {note}"), style="dim", highlight=False)


def _upright(title: str, table: ResultTable, printed: Sequence[_Line]) -> RichTable:
    """The paper's layout: a column of the table is a column of the terminal."""
    grid = RichTable(title=plain_text(title), title_justify="left", title_style="bold")
    grid.add_column("")
    for column in table.columns:
        grid.add_column(plain_text(column.title), justify="right")
    for line, after in zip(printed, [*printed[1:], None], strict=True):
        grid.add_row(*map(plain_text, (line.label, *line.cells)), end_section=after is not None and after.opens)
    return grid


def _sideways(title: str, table: ResultTable, printed: Sequence[_Line], console: Console) -> Iterable[RichTable]:
    """One line per column of the table; as many grids as it takes, each as wide as fits.

    Lines of the control are left out, and verdicts where they do not fit: the notes repeat both.
    """
    shown = [line for line in printed if line.kind not in ("control", "heading")]
    if _width(_turned(title, table, shown), console) > console.width:
        shown = [line for line in shown if line.kind != "verdict"]
    while shown:
        count = len(shown)
        while count > 1 and _width(_turned(title, table, shown[:count]), console) > console.width:
            count -= 1
        yield _turned(title, table, shown[:count])
        shown = shown[count:]


def _width(grid: RichTable, console: Console) -> int:
    return console.measure(grid, options=console.options.update(max_width=10_000)).maximum


def _turned(title: str, table: ResultTable, shown: Sequence[_Line]) -> RichTable:
    """The lines as columns."""
    grid = RichTable(
        title=plain_text(title), title_justify="left", title_style="bold", box=SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    grid.add_column("", overflow="fold")
    for line in shown:
        header = fill(line.label, max(8, *map(len, line.cells)), break_long_words=False)
        grid.add_column(plain_text(header), justify="right", no_wrap=True)
    for index, column in enumerate(table.columns):
        grid.add_row(*map(plain_text, (column.title, *(line.cells[index] for line in shown))))
    return grid


def plain_text(text: str) -> Text:
    """Text without rich's markup or terminal control sequences."""
    return Text(escape_invisible(text))


def _line(table: ResultTable, row: Row, kind: str, label: str, text: Callable[[Row, ResultCell, int], str]) -> _Line:
    return _Line(
        kind, label, tuple(text(row, row.cells[column.name], column.benchmark.digits) for column in table.columns)
    )


def _ours(row: Row, cell: ResultCell, digits: int) -> str:
    if cell.ours is None:
        return "failed" if cell.status == "failed" else ABSENT
    if not row.baseline:
        text = with_interval(cell.ours, digits=digits)
    elif cell.delta:
        text = with_interval(cell.delta, True, digits)
    else:
        text = f"{number(cell.ours.mean, digits=digits)} absolute"
    return f"{text} ({counted(cell.ours.seeds, 'seed')} only)" if cell.status == "partial" else text


def _paper(row: Row, cell: ResultCell, digits: int) -> str:
    if row.baseline and cell.paper_delta:
        return number(cell.paper_delta.value, True, digits) + cell.paper_delta.mark
    if cell.paper is None:
        return ABSENT
    absolute = " absolute" if row.baseline else ""
    return number(cell.paper.value, digits=digits) + cell.paper.mark + absolute


def _verdict(_: Row, cell: ResultCell, digits: int) -> str:
    return cell.verdict or ABSENT


def _expected(_: Row, cell: ResultCell, digits: int) -> str:
    return f"{cell.expected.value:g} within {cell.expected.tolerance:g}" if cell.expected else ABSENT


def _reached(_: Row, cell: ResultCell, digits: int) -> str:
    return cell.reached or ABSENT


def _control(_: Row, cell: ResultCell, digits: int) -> str:
    return cell.control or ABSENT


def _has_expected(row: Row) -> bool:
    return any(cell.expected for cell in row.cells.values())


def _has_verdict(row: Row) -> bool:
    return any(cell.verdict for cell in row.cells.values())


def _has_control(row: Row) -> bool:
    return any(cell.control for cell in row.cells.values())


def _distinct(rows: Iterable[Row]) -> list[Row]:
    """Rows with different numbers of the paper: a second grid axis repeats them."""
    seen: dict[tuple[object, ...], Row] = {}
    for row in rows:
        seen.setdefault(tuple((cell.paper, cell.paper_delta) for cell in row.cells.values()), row)
    return list(seen.values())


def _name(row: Row, among_systems: bool = False) -> str:
    """What a row is called; among the paper's systems, it is one of ours."""
    label = row.label
    if among_systems:
        label = f"{OURS}, this run" if label == ONLY_ARM else f"{OURS}, {label}"
    return f"{label} {DELTA}" if row.baseline else label


def _paper_name(published: PaperTable, row: Row) -> str:
    """What the paper's numbers for a row are called: with the arm, and the settings that they depend on, if the paper's
    axis is in the grid or in arms. Other axes are none of the paper's.
    """
    if published.axis not in row.settings:
        return f"Paper {published.vit}"
    keys = {published.axis, *(key for conditions in published.conditions.values() for key in conditions)}
    arm = label_of({key: value for key, value in row.settings.items() if key in keys})
    return f"Paper {published.vit} {arm}{f' {DELTA}' * bool(row.baseline)}"


def describe_setting(report: Report) -> str:
    """The scale and the seeds of a report, and what ± is."""
    seeds = ", ".join(map(str, report.seeds))
    seeds = f"seed {seeds}" if len(report.seeds) == 1 else f"seeds {seeds}"
    return f"scale {report.config['scale']}, {seeds}; ± is half of a 95% interval"
