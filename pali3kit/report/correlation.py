"""How well measures of the image encoder alone predict the columns inside PaLI: rank correlations over encoders.

Spearman's: Pearson's correlation of ranks, with average ranks for ties. 95% intervals are a bootstrap over encoders,
with a fixed seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from pali3kit.report.columns import ReportColumn
from pali3kit.report.model import ResultTable
from pali3kit.report.statistics import RESAMPLES
from pali3kit.report.table import ABSENT, number

FEWEST_ENCODERS = 5
NOTE = (
    "Spearman's rank correlation of a measure of the encoder alone (rows) with a column of PaLI (columns), n encoders; "
    "in brackets the 95% interval of a bootstrap over encoders, which is rough for so few. An encoder's numbers are "
    "means over the seeds and cells that share it; the untrained control counts as one."
)


@dataclass(frozen=True, slots=True)
class RankCorrelation:
    """Spearman's rank correlation of `n` pairs with its interval; None with fewer than 5 pairs, or if one side is
    constant.
    """

    n: int
    rho: float | None = None
    low: float = 0.0
    high: float = 0.0

    @classmethod
    def of(cls, pairs: Iterable[tuple[float, float]]) -> RankCorrelation:
        """The correlation of pairs of numbers."""
        x, y = np.array([*pairs], np.float64).reshape(-1, 2).T
        n = len(x)
        if n < FEWEST_ENCODERS or len(set(x)) == 1 or len(set(y)) == 1:
            return cls(n)
        resampled = _spearman(x, y, _resamples(n))
        low, high = np.quantile(resampled[np.isfinite(resampled)], (0.025, 0.975))
        return cls(n, float(_spearman(x, y, np.ones((1, n)))[0]), float(low), float(high))

    def __str__(self) -> str:
        """`0.83 [0.41, 0.97], n 11`"""
        if self.rho is None:
            return f"{ABSENT}, n {self.n}"
        low, high = number(self.low, digits=2), number(self.high, digits=2)
        return f"{number(self.rho, digits=2)} [{low}, {high}], n {self.n}"


def correlation_table(table: ResultTable) -> list[list[str]]:
    """The correlations as lines of text, titles of columns first: a line for each measure of the encoder alone.

    Empty unless both kinds of columns are measured on 5 encoders or more.
    """
    cheap = cheap_columns(table)
    inside = [each for each in table.columns if each.benchmark.generated]
    found = {(x.name, y.name): RankCorrelation.of(_pairs(table, x, y)) for x in cheap for y in inside}
    if not any(each.n >= FEWEST_ENCODERS for each in found.values()):
        return []
    header = ["", *(column.title for column in inside)]
    return [header, *([x.title, *(str(found[x.name, y.name]) for y in inside)] for x in cheap)]


def cheap_columns(table: ResultTable) -> list[ReportColumn]:
    """The measures of the encoder alone. One for which it is trained on, as fine-tuning, is none of these."""
    return [each for each in table.columns if each.benchmark.scored == "features" and not each.benchmark.training_stage]


def pairs_by_encoder(
    table: ResultTable, column: ReportColumn, worths: Mapping[str, float | None]
) -> Iterable[tuple[float, float]]:
    """The number of each encoder in a column, and its `worths` by the labels of rows. Rows that share an encoder are
    averaged; those without either number are left out.
    """
    units: dict[frozenset[str], list[tuple[float, float]]] = {}
    for row in table.rows:
        ours, worth = row.cells[column.name].ours, worths.get(row.label)
        if ours is not None and worth is not None:
            units.setdefault(frozenset(row.encoders.values()), []).append((ours.mean, worth))
    return ((_mean([x for x, _ in each]), _mean([y for _, y in each])) for each in units.values())


def _pairs(table: ResultTable, x: ReportColumn, y: ReportColumn) -> Iterable[tuple[float, float]]:
    """Both numbers of each encoder that has them. Cells of an encoder that differ in how it is measured are apart."""
    units: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
    for row in table.rows:
        settings = repr([value for key, value in row.settings.items() if key.startswith("evaluation.")])
        for seed, encoder in row.encoders.items():
            for values, column in zip(units.setdefault((encoder, settings), ([], [])), (x, y), strict=True):
                values += [row.cells[column.name].per_seed[seed]] if seed in row.cells[column.name].per_seed else []
    means = {(unit[0], _mean(xs), _mean(ys)): None for unit, (xs, ys) in units.items() if xs and ys}
    return ((mean_x, mean_y) for _, mean_x, mean_y in means)


@cache
def _resamples(n: int) -> NDArray[np.float64]:
    """How often each of `n` encoders occurs in each resample [RESAMPLES, n]."""
    return np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), RESAMPLES).astype(np.float64)


def _mean(values: list[float]) -> float:
    """The mean, rounded so that equal numbers stay tied however often an encoder's rows repeat them."""
    return round(sum(values) / len(values), 9)


def _spearman(x: NDArray[np.float64], y: NDArray[np.float64], counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Spearman's correlation of `x` and `y` [n] in each resample, in which item i occurs `counts[:, i]` times [B, n].

    Not finite where a resample is constant. The rank of an item among others is the number of those below it, and half
    of those equal to it: products with `counts` rank all resamples at once.
    """
    n = len(x)
    ranks = []
    for values in (x, y):
        above = (values[:, None] < values[None, :]) + (values[:, None] == values[None, :]) / 2
        ranks.append(counts @ above + 0.5 - (n + 1) / 2)  # the mean of ranks is (n + 1) / 2, also with ties
    a, b = ranks
    with np.errstate(invalid="ignore", divide="ignore"):
        rho: NDArray[np.float64] = (counts * a * b).sum(1) / np.sqrt((counts * a * a).sum(1) * (counts * b * b).sum(1))
    return rho
