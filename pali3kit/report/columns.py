"""What the columns are called and measured in. They are counterparts of the paper's sets, never those sets."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.benchmarks.benchmark import Column as BenchmarkColumn
from pali3kit.catalogue import BENCHMARK
from pali3kit.errors import DataError
from pali3kit.evals.scores import Metrics, Prediction, image_numbers
from pali3kit.registry import CAPTIONED, LABELLED, Registry
from pali3kit.report.statistics import Score

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table. `name` is also its key in the paper's table; `source` is the benchmark's name."""

    name: str
    title: str
    metric: str
    source: str

    @property
    def benchmark(self) -> Benchmark:
        return BENCHMARK.find(self.source)


@dataclass(frozen=True, slots=True)
class Sets:
    """What columns are measured on: the registry's names of the sets for the encoder alone, how many `probes` there
    are, and whether all else is measured on somebody's `own` data.
    """

    labelled: str = "world_classes"
    captioned: str = "world_captions"
    probes: int = 8
    own: bool = False


EMBEDDED = Sets()


def columns_of(source: str, sets: Sets = EMBEDDED) -> tuple[Column, ...]:
    """The report's columns of one benchmark: several where it has several numbers.

    On somebody's own data a counterpart is titled by its name: only they know what set that is.
    """
    benchmark = BENCHMARK.find(source)
    named = zip(benchmark.column_names, benchmark.columns, strict=True)
    unnamed = sets.own and benchmark.counterpart
    return tuple(
        Column(name, name if unnamed else _titled(column, sets), benchmark.unit, source) for name, column in named
    )


def _titled(column: BenchmarkColumn, sets: Sets) -> str:
    """The title, with what the sets are called."""
    return column.title.format(
        labelled=_called(LABELLED, sets.labelled, column.part) or f"{sets.labelled} {column.part}",
        captioned=_called(CAPTIONED, sets.captioned, "") or sets.captioned,
        probes=f"{sets.probes} task{'s' * (sets.probes != 1)}",
    )


def _called(registry: Registry[T], name: str, part: str) -> str:
    """What a set is called; "" for several sets, or one that has no title."""
    titles = registry.describe(name).titles if name in registry.names() else None
    return (titles or {}).get(part, "")


def measures(column: Column, metrics: Metrics) -> bool:
    """Whether an artifact has the column: a set may have been labelled once only, or described in English alone."""
    part = column.name.partition(".")[2]
    return not part or part in metrics.get("columns", metrics.get("extra", {}))


def score_of(column: Column, metrics: Metrics, predictions: Sequence[Prediction]) -> Score:
    """The score of a column from the artifact's metrics; `predictions` say which language a sample is in.

    A picture that is described in many languages is one sample: its captions stand and fall together.

    Raises DataError where the metrics do not tell the column's value.
    """
    try:
        return _score_of(column, metrics, predictions)
    except (KeyError, TypeError, ValueError) as error:
        told = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"its metrics do not tell {column.name}: {told}") from error


def _score_of(column: Column, metrics: Metrics, predictions: Sequence[Prediction]) -> Score:
    part = column.name.partition(".")[2]
    if "columns" in metrics:
        one = metrics["columns"][part]
        return Score(float(one["value"]), tuple(one["samples"]))
    if column.name == column.source:
        return Score(float(metrics["value"]), tuple(metrics.get("samples", ())))
    belongs: Callable[[str], bool] = _is_english if part == "en" else _is_not_english
    samples, value = metrics.get("samples", ()), float(str(metrics["extra"][part]))
    if len(samples) != len(predictions) or not column.benchmark.every_language:
        return Score(value)
    by_image: dict[tuple[int, ...], list[float]] = {}
    for sample, row in zip(samples, predictions, strict=True):
        if belongs(str(row.get("language", ""))):
            by_image.setdefault(image_numbers(row), []).append(sample)
    return Score(value, tuple(sum(each) / len(each) for each in by_image.values()))


def _is_english(language: str) -> bool:
    return language == "en"


def _is_not_english(language: str) -> bool:
    return language != "en"
