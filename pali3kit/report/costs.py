"""Under which conditions costs of image encoders were measured: on which machines, and for which images."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from pali3kit.benchmarks.benchmark import IMAGES_PER_SECOND
from pali3kit.plan.step import Step
from pali3kit.report.arms import ArtifactReader, encoder_of
from pali3kit.report.columns import ReportColumn
from pali3kit.report.model import CostConditions, Report, ResultTable, Row


def conditions_of(column: ReportColumn, steps: Iterable[Step], artifacts: ArtifactReader) -> CostConditions | None:
    """The conditions of the published artifacts among the `steps` of an arm's cost; None without any."""
    done = [step for step in steps if artifacts.folder(step) is not None]
    if not done:
        return None
    timed = column.benchmark.unit == IMAGES_PER_SECOND  # nothing else depends on the machine
    encoder = encoder_of(done)
    return CostConditions(
        pixels=int(str(encoder.plain["image_size"])) if encoder else 0,
        machines=tuple(sorted({artifacts.machine(step) for step in done})) if timed else (),
    )


def on_one_machine(table: ResultTable, column: ReportColumn) -> bool:
    """Whether all rows of a column can be compared, as far as their machines matter."""
    return len({machine for row in table.rows for machine in _machines(row, column)}) <= 1


def of_other_images(row: Row, column: ReportColumn) -> bool:
    """Whether a cost is that of smaller images than the largest for which the row has scores: those of stage 2."""
    known, pixels = row.cells[column.name].conditions, [size.pixels for size in row.encoder_sizes]
    return known is not None and known.pixels > 0 and bool(pixels) and known.pixels != max(pixels)


def cost_notes(report: Report) -> Iterator[str]:
    """Yield the machines of each column that depends on them, and which costs are of other images than the scores."""
    columns = {column.title: column for table in report.tables for column in table.columns if column.is_cost}
    for column in columns.values():
        tables = [table for table in report.tables if column.name in {each.name for each in table.columns}]
        yield from _machine_notes(column, tables)
        other = {row.label: None for table in tables for row in table.rows if of_other_images(row, column)}
        if other:
            whose = "" if len(other) == len(tables[-1].rows) else f" of {', '.join(other)}"
            yield (
                f"{column.title}{whose} is that of the encoder at the resolution of its pretraining, not at the one of "
                "the scores: leaderboards leave it out."
            )


def _machine_notes(column: ReportColumn, tables: Sequence[ResultTable]) -> Iterator[str]:
    found: dict[str, dict[str, None]] = {}
    for row in (row for table in tables for row in table.rows):
        for machine in _machines(row, column):
            found.setdefault(machine, {})[row.label] = None
    if len(found) == 1:
        yield f"{column.title}: on {', '.join(found)}."
    elif found:
        told = "; ".join(f"{', '.join(labels)} on {machine}" for machine, labels in sorted(found.items()))
        yield f"{column.title} is of several machines, and not to be compared: {told}. Leaderboards leave it out."


def _machines(row: Row, column: ReportColumn) -> tuple[str, ...]:
    conditions = row.cells[column.name].conditions
    return conditions.machines if conditions else ()
