"""The leaderboard of image encoders: what each is worth inside PaLI, what it costs, and which measures foretell it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from pali3kit.report.columns import ReportColumn
from pali3kit.report.correlation import RankCorrelation, cheap_columns, pairs_by_encoder
from pali3kit.report.costs import of_other_images, on_one_machine
from pali3kit.report.encoder_size import short_count
from pali3kit.report.model import EncoderSize, ResultTable, Row
from pali3kit.report.table import ABSENT, number, with_interval

_FEWEST_ON_BOARD = 3  # encoders
_ENOUGH_ENCODERS = 16
_LEAST_BEST = 1.0  # points; shares of a best score below it would be shares of noise
WORTH = "worth, % of the best"
BOARD_NOTE = (
    "Worth: each score of PaLI as a percentage of the best row's, their mean over the columns. On the front of a cost "
    "are the encoders to which no other is superior: at most as costly and worth at least as much, and better in one "
    "of the two. Fronts know nothing of intervals: rows whose intervals overlap may change places."
)
_FORETELLING = (
    "Spearman's rank correlation of a measure of the encoder alone with its worth; in brackets the 95% interval of a "
    "bootstrap over encoders."
)
_FEW = f"With fewer than {_ENOUGH_ENCODERS} encoders such an interval says little."


@dataclass(frozen=True, slots=True)
class EncoderCost:
    """One thing that an image encoder costs, or what it gives for it, where `more_is_better`."""

    name: str
    unit: str
    text: Callable[[float], str]
    more_is_better: bool = False


_COSTS = (
    EncoderCost("parameters", "encoder", lambda value: short_count(round(value), "B")),
    EncoderCost("tokens", "per image", lambda value: f"{value:,.0f}"),
    EncoderCost("FLOPs", "per image", lambda value: short_count(round(value), "G")),
    EncoderCost("throughput", "images/s", lambda value: f"{value:,.0f}", more_is_better=True),
    EncoderCost("memory", "MB", lambda value: f"{value:,.1f}".removesuffix(".0")),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of the leaderboard. `place` counts from 1, and equals share it; without all scores it has no worth, nor it.

    `costs` are by name, those that are known; `fronts` names those on whose front it is.
    """

    row: Row
    place: int | None
    worth: float | None
    costs: Mapping[str, float]
    fronts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The rows of a table, the best first, with the costs in which they differ.

    `measures` are those of the encoder alone, with their rank correlation with the worth, the highest first.
    """

    columns: tuple[ReportColumn, ...]
    costs: tuple[EncoderCost, ...]
    entries: tuple[Entry, ...]
    measures: tuple[tuple[str, RankCorrelation], ...]

    @classmethod
    def of(cls, table: ResultTable) -> Leaderboard | None:
        """None where fewer than 3 encoders are measured inside PaLI, or nothing that they cost differs."""
        best = {column.name: _best(table, column) for column in table.columns if _is_score(column)}
        columns = tuple(column for column in table.columns if best.get(column.name, 0.0) >= _LEAST_BEST)
        rows = [row for row in table.rows if row.encoders and any(row.cells[column.name].ours for column in columns)]
        measured = [column for column in table.columns if column.is_cost and on_one_machine(table, column)]
        known = {row.label: dict(_costs(measured, row)) for row in rows}
        costs = tuple(cost for cost in _COSTS if len({each.get(cost.name) for each in known.values()} - {None}) > 1)
        if len({frozenset(row.encoders.values()) for row in rows}) < _FEWEST_ON_BOARD or not costs:
            return None
        worths = {row.label: _worth(row, columns, best) for row in rows}
        fronts = {cost.name: _front(cost, known, worths) for cost in costs}
        entries = [
            Entry(
                row,
                _place(worths[row.label], worths),
                worths[row.label],
                known[row.label],
                tuple(cost.name for cost in costs if row.label in fronts[cost.name]),
            )
            for row in rows
        ]
        entries.sort(key=lambda entry: (entry.place is None, entry.place or 0))
        return cls(columns, costs, tuple(entries), tuple(_measures(table, worths)))

    def grid(self) -> list[list[str]]:
        """The leaderboard as lines of text, titles first."""
        titles = [f"{column.title}, {column.metric}" for column in self.columns]
        header = ["", WORTH, "on the front of", *titles, *(f"{cost.name}, {cost.unit}" for cost in self.costs)]
        return [header, *map(self._line, self.entries)]

    def _line(self, entry: Entry) -> list[str]:
        cells = [(entry.row.cells[column.name].ours, column.benchmark.digits) for column in self.columns]
        scores = [with_interval(ours, digits=digits) if ours else ABSENT for ours, digits in cells]
        costs = [cost.text(entry.costs[cost.name]) if cost.name in entry.costs else ABSENT for cost in self.costs]
        place = ABSENT if entry.place is None else f"{entry.place}."
        worth = ABSENT if entry.worth is None else number(entry.worth)
        return [f"{place} {entry.row.label}", worth, ", ".join(entry.fronts) or ABSENT, *scores, *costs]

    def foretelling(self) -> list[list[str]]:
        """The measures of the encoder alone as lines of text, titles first; [] where there are none."""
        found = [[title, str(correlation)] for title, correlation in self.measures]
        return [["", "rank correlation with the worth"], *found] if found else []

    @property
    def foretelling_note(self) -> str:
        """What the correlations are, and whether they are of enough encoders."""
        most = max((correlation.n for _, correlation in self.measures), default=0)
        return _FORETELLING if most >= _ENOUGH_ENCODERS else f"{_FORETELLING} {_FEW}"

    def plain(self) -> dict[str, object]:
        """The leaderboard as plain JSON values."""
        return {
            "columns": [column.name for column in self.columns],
            "rows": [
                {
                    "label": entry.row.label, "place": entry.place, "worth": entry.worth, "costs": entry.costs,
                    "fronts": entry.fronts,
                    "scores": {one.name: ours.mean for one in self.columns if (ours := entry.row.cells[one.name].ours)},
                }
                for entry in self.entries
            ],
            "measures": [
                {"title": title, "n": one.n, "rho": one.rho, "low": one.low, "high": one.high}
                for title, one in self.measures
            ],
        }  # fmt: skip


def pareto_front(points: Sequence[tuple[float, float]]) -> set[int]:
    """The indices of the (cost, worth) to which no other is superior: neither is worse, and one is better."""
    return {
        index
        for index, (cost, worth) in enumerate(points)
        if not any(a <= cost and b >= worth and (a, b) != (cost, worth) for a, b in points)
    }


def _is_score(column: ReportColumn) -> bool:
    return column.benchmark.generated and not column.benchmark.lower_is_better


def _best(table: ResultTable, column: ReportColumn) -> float:
    return max((ours.mean for row in table.rows if (ours := row.cells[column.name].ours)), default=0.0)


def _costs(measured: Sequence[ReportColumn], row: Row) -> Iterator[tuple[str, float]]:
    """The costs of a row for its largest images that are known: by its shape, and `measured` for such images."""
    for name, values in {"parameters": _largest(row, "parameters"), "tokens": _largest(row, "tokens"),
                         "FLOPs": _largest(row, "flops")}.items():  # fmt: skip
        if values is not None:
            yield name, float(values)
    for column in measured:
        if not of_other_images(row, column) and (ours := row.cells[column.name].ours):
            yield column.source, ours.mean


def _largest(row: Row, name: str) -> int | None:
    sizes: Sequence[EncoderSize] = row.encoder_sizes
    known = [value for size in sizes if (value := getattr(size, name)) is not None]
    return max(known) if known and len(known) == len(sizes) else None


def _worth(row: Row, columns: Sequence[ReportColumn], best: Mapping[str, float]) -> float | None:
    """The mean of a row's scores in percent of the best; None where one is missing."""
    cells = [(row.cells[column.name].ours, best[column.name]) for column in columns]
    shares = [100 * ours.mean / most for ours, most in cells if ours]
    return sum(shares) / len(shares) if len(shares) == len(columns) else None


def _place(worth: float | None, worths: Mapping[str, float | None]) -> int | None:
    if worth is None:
        return None
    return 1 + sum(other is not None and other > worth for other in worths.values())


def _front(cost: EncoderCost, known: Mapping[str, Mapping[str, float]], worths: Mapping[str, float | None]) -> set[str]:
    """The labels of the rows on the front of a cost, of those with a worth whose cost is known."""
    sign = -1 if cost.more_is_better else 1
    points = {
        label: (sign * costs[cost.name], worth)
        for label, costs in known.items()
        if (worth := worths[label]) is not None and cost.name in costs
    }
    labels = list(points)
    return {labels[index] for index in pareto_front(list(points.values()))}


def _measures(table: ResultTable, worths: Mapping[str, float | None]) -> Iterator[tuple[str, RankCorrelation]]:
    """The first column of each measure of the encoder alone with its correlation, the highest first; those without a
    number last.
    """
    firsts = [each for each in cheap_columns(table) if each.part == each.benchmark.columns[0].part]
    found = [(column.title, RankCorrelation.of(pairs_by_encoder(table, column, worths))) for column in firsts]
    yield from sorted(found, key=lambda each: -2.0 if each[1].rho is None else each[1].rho, reverse=True)
