"""The columns of a report: titles, units, and how their scores are read from an artifact's metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.benchmarks.benchmark import Column as BenchmarkColumn
from pali3kit.catalogue import BENCHMARK
from pali3kit.errors import DataError
from pali3kit.evals.scores import EvalResult, Metrics, Prediction, image_numbers
from pali3kit.registry import CAPTIONED, LABELLED, Registry

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """One column of a table; `source` is the benchmark's name."""

    name: str
    title: str
    metric: str
    source: str

    @property
    def key(self) -> str:
        """Its name in the paper's tables and in `expect`."""
        return self.name

    @property
    def benchmark(self) -> Benchmark:
        return BENCHMARK.find(self.source)


@dataclass(frozen=True, slots=True)
class Sets:
    """The data that columns are measured on: the registered labelled and captioned sets and the number of `probes`, for
    the encoder alone; `own` if everything else is measured on the user's data.
    """

    labelled: str = "world_classes"
    captioned: str = "world_captions"
    probes: int = 8
    own: bool = False


EMBEDDED = Sets()


def columns_of(source: str, sets: Sets = EMBEDDED) -> tuple[ReportColumn, ...]:
    """The report's columns of one benchmark: several where it has several numbers.

    On the user's own data, a benchmark whose title is an embedded counterpart's has its plain name as title.
    """
    benchmark = BENCHMARK.find(source)
    named = zip(benchmark.column_names, benchmark.columns, strict=True)
    unnamed = sets.own and benchmark.counterpart
    return tuple(
        ReportColumn(name, name if unnamed else _titled(column, sets), benchmark.unit, source) for name, column in named
    )


def _titled(column: BenchmarkColumn, sets: Sets) -> str:
    """The title with the names of the sets filled in."""
    return column.title.format(
        labelled=_called(LABELLED, sets.labelled, column.part) or f"{sets.labelled} {column.part}",
        captioned=_called(CAPTIONED, sets.captioned, "") or sets.captioned,
        probes=f"{sets.probes} task{'s' * (sets.probes != 1)}",
    )


def _called(registry: Registry[T], name: str, part: str) -> str:
    """The title of a set; "" for several sets, or one that has no title."""
    titles = registry.describe(name).titles if name in registry.names() else None
    return (titles or {}).get(part, "")


def measures(column: ReportColumn, metrics: Metrics) -> bool:
    """Whether an artifact has the column: a set may have one kind of labels, or captions in English, only."""
    part = column.name.partition(".")[2]
    return not part or part in metrics.get("columns", metrics.get("extra", {}))


def score_of(column: ReportColumn, metrics: Metrics, predictions: Sequence[Prediction]) -> EvalResult:
    """The score of a column from the artifact's metrics; `predictions` say which language a sample is in.

    An image with captions in several languages is one sample, their mean, since they are not independent.

    Raises DataError where the metrics lack the column's value.
    """
    try:
        return _score_of(column, metrics, predictions)
    except (KeyError, TypeError, ValueError) as error:
        told = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"its metrics have no usable {column.name}: {told}") from error


def _score_of(column: ReportColumn, metrics: Metrics, predictions: Sequence[Prediction]) -> EvalResult:
    part = column.name.partition(".")[2]
    if "columns" in metrics:
        one = metrics["columns"][part]
        return EvalResult(float(one["value"]), tuple(one["samples"]))
    if column.name == column.source:
        return EvalResult(float(metrics["value"]), tuple(metrics.get("samples", ())))
    belongs: Callable[[str], bool] = _is_english if part == "en" else _is_not_english
    samples, value = metrics.get("samples", ()), float(str(metrics["extra"][part]))
    if len(samples) != len(predictions) or not column.benchmark.every_language:
        return EvalResult(value)
    by_image: dict[tuple[int, ...], list[float]] = {}
    for sample, row in zip(samples, predictions, strict=True):
        if belongs(str(row.get("language", ""))):
            by_image.setdefault(image_numbers(row), []).append(sample)
    return EvalResult(value, tuple(sum(each) / len(each) for each in by_image.values()))


def _is_english(language: str) -> bool:
    return language == "en"


def _is_not_english(language: str) -> bool:
    return language != "en"
