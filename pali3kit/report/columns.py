"""The columns of a report: titles, units, and how their scores are read from an artifact's metrics.

A benchmark is measured on its public data set unless its name in the report has a prefix, as `embedded/vqav2`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.benchmarks.benchmark import Column as BenchmarkColumn
from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import label_on
from pali3kit.config.root import WORLD
from pali3kit.errors import DataError, counted
from pali3kit.evals.scores import EvalResult, Metrics, Prediction, image_numbers
from pali3kit.registry import CAPTIONED, LABELLED, Registry

T = TypeVar("T")
MEAN = "average"
_MEAN = Benchmark(
    name=MEAN,
    summary="the mean of other columns",
    columns=(BenchmarkColumn(title="{set}"),),
    unit="mean of columns",
    scored="loss",  # neither of PaLI nor of its encoder: controls and correlations are of the columns themselves
)
"""What a column is that is the mean of others, as the paper's Table 2 prints two."""


@dataclass(frozen=True, slots=True)
class ReportColumn:
    """One column of a table: the number `part` of a benchmark, "" if it has one only.

    `name` is the benchmark's label, such as `embedded/coco` on the embedded world, and the part.
    `source` is the benchmark's own name, `metric` its unit: reports keep these names in `report.json`.
    """

    name: str
    title: str
    metric: str
    source: str
    part: str = ""

    @property
    def key(self) -> str:
        """Its name in the paper's tables and in `published`."""
        return f"{self.source}.{self.part}" if self.part else self.source

    @property
    def benchmark(self) -> Benchmark:
        return _MEAN if self.source == MEAN else BENCHMARK.find(self.source)

    @property
    def is_cost(self) -> bool:
        """Whether it tells what the encoder costs, not how good it is."""
        return self.benchmark.scored == "cost"


@dataclass(frozen=True, slots=True)
class EvaluationSets:
    """The data that columns are measured on.

    Attributes:
        labelled: the registered set of images with classes, for benchmarks of the encoder.
        captioned: the registered set of images with captions, for retrieval.
        probes: the number of few-shot tasks.
        labels: the label of each benchmark; by default that of the embedded world.
        titles: the title of each benchmark's public data set.
    """

    labelled: str = "world_classes"
    captioned: str = "world_captions"
    probes: int = 8
    labels: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    def label(self, benchmark: Benchmark) -> str:
        """The name of a benchmark in the report."""
        return self.labels.get(benchmark.name) or label_on(benchmark, WORLD)


EMBEDDED_SETS = EvaluationSets()


def columns_of(benchmark_name: str, sets: EvaluationSets = EMBEDDED_SETS) -> tuple[ReportColumn, ...]:
    """The report's columns of one benchmark: several where it has several numbers."""
    benchmark = BENCHMARK.find(benchmark_name)
    label = sets.label(benchmark)
    return tuple(
        ReportColumn(
            f"{label}.{column.part}" if column.part else label,
            _title_of(column, benchmark, sets),
            benchmark.unit,
            benchmark_name,
            column.part,
        )
        for column in benchmark.columns
    )


def _title_of(column: BenchmarkColumn, benchmark: Benchmark, sets: EvaluationSets) -> str:
    """The title with the names of the sets filled in: the public data set's own title, or the label.

    A title without placeholders is followed by the source in the label, which says that other data are measured.
    """
    label = sets.label(benchmark)
    if "{" not in column.title:
        source = label.removesuffix(benchmark.name).removesuffix("/")
        return f"{column.title}, {source}" if source else column.title
    embedded = "embedded " if label == label_on(benchmark, WORLD) else ""
    return column.title.format(
        set=sets.titles.get(benchmark.name, label) if label == benchmark.name else label,
        labelled=_set_title(LABELLED, sets.labelled, column.part) or f"{sets.labelled} {column.part}",
        captioned=_set_title(CAPTIONED, sets.captioned, "") or sets.captioned,
        probes=counted(sets.probes, f"{embedded}task"),
    )


def _set_title(registry: Registry[T], name: str, part: str) -> str:
    """The title of a set; "" for several sets, or one that has no title."""
    titles = registry.describe(name).titles if name in registry.names() else None
    return (titles or {}).get(part, "")


def has_column(column: ReportColumn, metrics: Metrics) -> bool:
    """Whether the metrics have the column; a set may lack ReaL's labels, or captions in languages but English."""
    return not column.part or column.part in metrics.get("columns", metrics.get("extra", {}))


def score_of(column: ReportColumn, metrics: Metrics, predictions: Sequence[Prediction]) -> EvalResult:
    """The score of a column from the artifact's metrics; `predictions` have the language or the group of each sample.

    The samples of one image in several languages are averaged to one, since they are not independent; a group of
    questions has its own.

    Raises DataError where the metrics lack the column's value.
    """
    try:
        return _score_of(column, metrics, predictions)
    except (KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"its metrics have no usable {column.key}: {reason}") from error


def in_column(row: Prediction, column: ReportColumn) -> float | None:
    """The score of a prediction in a column; None where it has none there."""
    if column.part in (parts := row.get("parts", {})):
        return float(parts[column.part])
    return row.get("score") if _is_of(row, column) else None


def _is_of(row: Prediction, column: ReportColumn) -> bool:
    """Whether a prediction is of the language or the group that a column is the part of."""
    if not column.part:
        return True
    if column.benchmark.every_language:
        return (row.get("language") == "en") == (column.part == "en")
    return row.get("group", "") == column.part


def _score_of(column: ReportColumn, metrics: Metrics, predictions: Sequence[Prediction]) -> EvalResult:
    part = column.part
    if "columns" in metrics:
        one = metrics["columns"][part]
        return EvalResult(float(one["value"]), tuple(one["samples"]))
    if not part:
        return EvalResult(float(metrics["value"]), tuple(metrics.get("samples", ())))
    if any(part in row.get("parts", {}) for row in predictions):
        return EvalResult(float(str(metrics["extra"][part])), tuple(row["parts"][part] for row in predictions))
    samples, value = metrics.get("samples", ()), float(str(metrics["extra"][part]))
    if len(samples) != len(predictions):
        return EvalResult(value)
    chosen = [(sample, row) for sample, row in zip(samples, predictions, strict=True) if _is_of(row, column)]
    if not column.benchmark.every_language:
        return EvalResult(value, tuple(sample for sample, _ in chosen))
    by_image: dict[tuple[int, ...], list[float]] = {}
    for sample, row in chosen:
        by_image.setdefault(image_numbers(row), []).append(sample)
    return EvalResult(value, tuple(sum(each) / len(each) for each in by_image.values()))
