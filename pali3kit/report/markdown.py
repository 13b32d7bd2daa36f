"""The report as Markdown: tables, the charts along a numeric axis as links to their files, notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pali3kit.report.axes import NumericAxis
from pali3kit.report.correlation import NOTE, correlation_table
from pali3kit.report.encoder_size import size_columns, size_sentence
from pali3kit.report.escaping import escape_markdown
from pali3kit.report.model import Report, ResultTable
from pali3kit.report.slice_text import slice_grids
from pali3kit.report.table import describe_setting, lines


def to_markdown(report: Report, charts: Sequence[str] = ()) -> str:
    """The report's tables and notes as Markdown. `charts` are the files beside it, one for each table or none ("")."""
    blocks = [f"# {escape_markdown(report.name)}", escape_markdown(describe_setting(report))]
    for index, table in enumerate(report.tables):
        sizes = [f"{title}, {unit}" for title, unit in size_columns(table)]
        header = ["", *sizes, *(column.title for column in table.columns)]
        body = [[line.label, *line.sizes, *line.cells] for line in lines(report, table)]
        blocks += [f"## {escape_markdown(table.title)}", markdown_grid(header, body)]
        blocks += filter(None, [escape_markdown(size_sentence(table))])
        blocks += _along(table, charts[index] if charts else "")
    for grid in slice_grids(report):
        blocks += [f"### {escape_markdown(grid.title)}", markdown_grid(grid.header, grid.rows)]
    blocks.append("\n".join(f"- {escape_markdown(note)}" for note in report.notes))
    return "\n\n".join(blocks) + "\n"


def _along(table: ResultTable, chart: str) -> Iterator[str]:
    """The chart along the numeric axis, and what measures of the encoder alone say of the other columns."""
    if chart and (axis := NumericAxis.of(table)):
        title = escape_markdown(f"{table.title}, against {axis.title}")
        yield f"### {title}\n\n![{title}]({chart})"
    if correlations := correlation_table(table):
        header, *body = correlations
        yield f"### {escape_markdown(f'{table.title}, predicted by the encoder alone')}"
        yield markdown_grid(header, body)
        yield escape_markdown(NOTE)


def markdown_grid(header: Sequence[str], body: Iterable[Sequence[str]]) -> str:
    """A table in Markdown; all but the first column are aligned to the right."""
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(_piped(cells) for cells in [header, rule, *body])


def _piped(cells: Iterable[str]) -> str:
    return "| " + " | ".join(map(escape_markdown, cells)) + " |"
