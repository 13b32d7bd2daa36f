"""The numbers of a report as CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from pali3kit.report.collect import TRANSFER
from pali3kit.report.escaping import escape_formula
from pali3kit.report.model import Report, ResultCell
from pali3kit.report.slice_text import slice_name
from pali3kit.report.statistics import Interval


def to_csv(report: Report) -> str:
    """One line for each table, row and column, with intervals and the paper's numbers; then the paper's systems, whose
    status is "published"; then the further numbers behind columns, such as `embedded/coco / BLEU-4`, and the slices.
    """
    buffer = io.StringIO()
    lines = [
        {"after": one.after, "row": row.label, "column": column.name, "metric": column.metric, **_record(cell)}
        for one in report.tables
        for row in one.rows
        for column in one.columns
        for cell in [row.cells[column.name]]
    ]
    if lines:
        writer = csv.DictWriter(buffer, fieldnames=list(lines[0]), lineterminator="\n", restval="")
        writer.writeheader()
        for line in [*lines, *_systems(report), *_further(report), *_slices(report)]:
            writer.writerow({key: escape_formula(value) for key, value in line.items()})
    return buffer.getvalue()


def _systems(report: Report) -> Iterator[dict[str, str]]:
    """The paper's systems, in the columns that are measured here."""
    for table in report.tables:
        for system in report.published.systems(column.key for column in table.columns) if report.published else ():
            for column in table.columns:
                if number := system.numbers.get(column.key):
                    yield {
                        "after": table.after, "row": system.label, "column": column.key, "metric": column.metric,
                        "status": "published", "paper": _text(number.value), "paper_provenance": number.provenance,
                    }  # fmt: skip


def _further(report: Report) -> Iterator[dict[str, str]]:
    """The further numbers behind columns, which have no intervals."""
    first = {column.source: one.after for one in reversed(report.tables) for column in one.columns}
    for detail in report.details:
        column, at, after = detail.column.partition("@")
        name = detail.benchmark.name
        where = after if at else TRANSFER if detail.benchmark.generated else first.get(name, TRANSFER)
        for label, value in detail.values.items():
            name = f"{column} / {detail.name}"
            yield {"after": where, "row": label, "column": name, "status": "done", "mean": _text(value)}


def _slices(report: Report) -> Iterator[dict[str, str]]:
    """The slices behind columns: `embedded/coco / background=red`."""
    for table in report.slices:
        column, _, after = table.column.partition("@")
        for each in table.slices:
            yield {
                "after": after or TRANSFER, "row": table.label,
                "column": f"{column} / {table.attribute}={slice_name(each)}", "metric": table.benchmark.unit,
                "status": "done" if each.mean is not None else "too few", "mean": _text(each.mean),
                "low": _text(each.low), "high": _text(each.high), "n": str(each.n),
                "interval": f"simultaneous over {table.looked_at} slices",
            }  # fmt: skip


def _record(cell: ResultCell) -> dict[str, str]:
    ours, paper = cell.ours, cell.paper_delta or cell.paper
    return {
        "status": cell.status,
        **_bounds(cell.ours, "mean", "low", "high"),
        "n": str(ours.n) if ours else "",
        "seeds": str(ours.seeds) if ours else "",
        "interval": ours.method if ours else "",
        **_bounds(cell.delta, "delta", "delta_low", "delta_high"),
        "paper": _text(cell.paper.value if cell.paper else None),
        "paper_delta": _text(cell.paper_delta.value if cell.paper_delta else None),
        "paper_provenance": paper.provenance if paper else "",
        "verdict": cell.verdict or "",
        "expected": _text(cell.expected.value if cell.expected else None),
        "tolerance": _text(cell.expected.tolerance if cell.expected else None),
        "reached": cell.reached or "",
        "control": cell.control or "",
        "reasons": " | ".join(cell.reasons),
    }


def _bounds(interval: Interval | None, mean: str, low: str, high: str) -> dict[str, str]:
    values = (None, None, None) if interval is None else (interval.mean, interval.low, interval.high)
    return dict(zip((mean, low, high), map(_text, values), strict=True))


def _text(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
