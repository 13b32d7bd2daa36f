"""Columns that are the mean of others, as the paper's Table 2 prints two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pali3kit.evals.scores import EvalResult
from pali3kit.report.columns import MEAN, ReportColumn
from pali3kit.report.paper import PaperTable


def mean_columns(
    published: PaperTable | None, columns: Sequence[ReportColumn]
) -> dict[ReportColumn, list[ReportColumn]]:
    """The paper's means of which all columns are measured, each with these columns."""
    by_key = {column.key: column for column in columns}
    means = published.means if published else {}
    return {
        _column(key, published.columns[key]): [by_key[part] for part in parts]
        for key, parts in means.items()
        if published and all(part in by_key for part in parts)
    }


def mean_scores(parts: Sequence[Mapping[int, EvalResult]]) -> dict[int, EvalResult]:
    """The mean of several columns, for each seed that all have. It has no samples: those of sets are not paired."""
    seeds = [seed for seed in parts[0] if all(seed in part for part in parts)]
    return {seed: EvalResult(sum(part[seed].value for part in parts) / len(parts)) for seed in seeds}


def _column(key: str, title: str) -> ReportColumn:
    return ReportColumn(key, title, "mean of columns", MEAN, key.removeprefix(f"{MEAN}."))
