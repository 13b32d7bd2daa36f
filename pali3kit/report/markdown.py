"""The report as Markdown: tables, the charts along a numeric axis as links to their files, notes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from pali3kit.report.axes import NumericAxis
from pali3kit.report.correlation import NOTE, correlation_table
from pali3kit.report.encoder_size import size_columns, size_sentence
from pali3kit.report.escaping import escape_markdown
from pali3kit.report.leaderboard import BOARD_NOTE, Leaderboard
from pali3kit.report.model import Report, ResultTable
from pali3kit.report.slice_text import slice_grids
from pali3kit.report.table import describe_setting, lines


def chart_file(after: str) -> str:
    """The file of the chart along a numeric axis of what is measured after a stage."""
    return f"report-{after}.svg"


def board_file(after: str) -> str:
    """The file of the chart of the leaderboard of what is measured after a stage."""
    return f"leaderboard-{after}.svg"


def to_markdown(report: Report, files: Collection[str] = ()) -> str:
    """The report's tables and notes as Markdown. `files` are the names of the charts beside it."""
    blocks = [f"# {escape_markdown(report.name)}", escape_markdown(describe_setting(report))]
    for table in report.tables:
        sizes = [f"{title}, {unit}" for title, unit in size_columns(table)]
        header = ["", *sizes, *(column.title for column in table.columns)]
        body = [[line.label, *line.sizes, *line.cells] for line in lines(report, table)]
        blocks += [f"## {escape_markdown(table.title)}", markdown_grid(header, body)]
        blocks += filter(None, [escape_markdown(size_sentence(table))])
        blocks += _leaderboard(table, files)
        blocks += _along(table, files)
    for grid in slice_grids(report):
        blocks += [f"### {escape_markdown(grid.title)}", markdown_grid(grid.header, grid.rows)]
    blocks.append("\n".join(f"- {escape_markdown(note)}" for note in report.notes))
    return "\n\n".join(blocks) + "\n"


def _leaderboard(table: ResultTable, files: Collection[str]) -> Iterator[str]:
    """What encoders are worth and cost, and which measures foretell it."""
    if (board := Leaderboard.of(table)) is None:
        return
    yield _with_chart(f"{table.title}, leaderboard of encoders", board_file(table.after), files)
    header, *body = board.grid()
    yield markdown_grid(header, body)
    yield escape_markdown(BOARD_NOTE)
    if foretelling := board.foretelling():
        header, *body = foretelling
        yield markdown_grid(header, body)
        yield escape_markdown(board.foretelling_note)


def _along(table: ResultTable, files: Collection[str]) -> Iterator[str]:
    """The chart along the numeric axis, and what measures of the encoder alone say of the other columns."""
    if chart_file(table.after) in files and (axis := NumericAxis.of(table)):
        yield _with_chart(f"{table.title}, against {axis.title}", chart_file(table.after), files)
    if correlations := correlation_table(table):
        header, *body = correlations
        yield f"### {escape_markdown(f'{table.title}, predicted by the encoder alone')}"
        yield markdown_grid(header, body)
        yield escape_markdown(NOTE)


def _with_chart(title: str, file: str, files: Collection[str]) -> str:
    """A heading, and below it the chart in a file if there is one."""
    heading = escape_markdown(title)
    return f"### {heading}" + (f"\n\n![{heading}]({file})" if file in files else "")


def markdown_grid(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all but the first column are aligned to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(_piped(cells) for cells in [header, rule, *body])


def _piped(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(escape_markdown, cells)) + " |"
