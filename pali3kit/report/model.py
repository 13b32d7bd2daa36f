"""The data of a report: plain values only, so that equal runs give equal bytes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypedDict

from pali3kit.benchmarks.benchmark import Benchmark
from pali3kit.catalogue import BENCHMARK, STAGE
from pali3kit.config.schema import Expected
from pali3kit.report.columns import ReportColumn
from pali3kit.report.paper import PaperTable, PublishedNumber
from pali3kit.report.statistics import Interval, Verdict

Status = Literal["done", "partial", "failed", "missing"]
Control = Literal["above", "below", "undecided"]


@dataclass(frozen=True, slots=True)
class CostConditions:
    """For which images an encoder's cost was measured, by their side in `pixels`, 0 where it is not known; and, where
    it depends on them, on which `machines`: processor or GPU, and precision.
    """

    pixels: int = 0
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResultCell:
    """One row in one column.

    `ours` is absolute, `delta` the difference to the row's baseline; `paper` and `paper_delta` are the paper's. With
    "partial", some seeds failed or are missing; `reasons` of failures. `control` compares the row with random weights.
    `expected` is a number published for this encoder, `reached` whether ours is within its tolerance. `conditions` are
    those of a cost.
    """

    status: Status
    per_seed: Mapping[int, float] = field(default_factory=dict)
    ours: Interval | None = None
    delta: Interval | None = None
    paper: PublishedNumber | None = None
    paper_delta: PublishedNumber | None = None
    verdict: Verdict | None = None
    control: Control | None = None
    expected: Expected | None = None
    reached: Literal["pass", "gap"] | None = None
    reasons: tuple[str, ...] = ()
    conditions: CostConditions | None = None


@dataclass(frozen=True, slots=True)
class EncoderSize:
    """How large an image encoder is, without pooling: `flops` of the forward pass of a square image of `pixels`, to
    `tokens`. None where it is not known.
    """

    pixels: int
    parameters: int | None = None
    tokens: int | None = None
    flops: int | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One point of the grid. `baseline` is the label of the row that it is compared with, "" for a baseline row.

    `encoders` are the digests of its image encoders by seed, `encoder_sizes` their size at each resolution in use.
    `arm` are the values that its named arm sets, by dotted key.
    """

    label: str
    point: Mapping[str, object]
    baseline: str
    cells: Mapping[str, ResultCell]
    encoders: Mapping[int, str] = field(default_factory=dict)
    encoder_sizes: tuple[EncoderSize, ...] = ()
    arm: Mapping[str, object] = field(default_factory=dict)

    @property
    def settings(self) -> Mapping[str, object]:
        """The values of the grid that it has, those of its arm among them, by dotted key."""
        return {**self.arm, **self.point}


@dataclass(frozen=True, slots=True)
class ResultTable:
    """What was measured after one stage: "multimodal" (stage 1), "resolution" (stage 2) or "transfer" (per task)."""

    after: str
    columns: tuple[ReportColumn, ...]
    rows: tuple[Row, ...]

    @property
    def title(self) -> str:
        if self.columns and not any(column.benchmark.generated for column in self.columns):
            return "After pretraining"
        return STAGE.find(self.after).title


@dataclass(frozen=True, slots=True)
class Curve:
    """A learning curve: `points` are (step, loss). Curves of one `panel` may be compared with each other."""

    panel: str
    label: str
    seed: int
    points: tuple[tuple[int, float], ...]


def _labelled(label: str) -> Benchmark:
    """The benchmark of a label, `embedded/coco`."""
    return BENCHMARK.find(label.rpartition("/")[2])


@dataclass(frozen=True, slots=True)
class DrawnRegion:
    """Where an answer points: a box (y0, x0, y1, x1) in pixels and a mask as runs (y, x, length)."""

    box: tuple[int, int, int, int] | None = None
    runs: tuple[tuple[int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What one row predicted for an example. `score` is the sample's, in the column's unit; None where unknown."""

    label: str
    text: str
    score: float | None
    region: DrawnRegion | None


@dataclass(frozen=True, slots=True)
class GalleryExample:
    """One test example of the benchmark labelled `column`, with every row's answer.

    `images` are indices in the test split; a source that draws images draws them `size` pixels wide. Boxes and masks
    are in pixels of the first.

    `references` are different from each other, the most frequent first. `source` is the key of `data.benchmarks` that
    the images are of, "" for `data.source`. Of a video, the images are its `frames`; 0 where it is none.
    """

    column: str
    title: str
    images: tuple[int, ...]
    size: int
    prompt: str
    references: tuple[str, ...]
    region: DrawnRegion | None
    answers: tuple[Answer, ...]
    source: str = ""
    frames: int = 0

    @property
    def benchmark(self) -> Benchmark:
        return _labelled(self.column)

    @property
    def image_keys(self) -> list[tuple[str, int, int]]:
        """Of each image what it is found by: `source`, its index and `size`."""
        return [(self.source, index, self.size) for index in self.images]


@dataclass(frozen=True, slots=True)
class Detail:
    """One of the numbers behind a column (a probe task, a language): the mean over seeds, by row label.

    `column` is the label of a benchmark, and `@stage` where it is measured before transfer.
    """

    column: str
    name: str
    values: Mapping[str, float]

    @property
    def benchmark(self) -> Benchmark:
        return _labelled(self.column.partition("@")[0])


@dataclass(frozen=True, slots=True)
class Stage:
    """One artifact that the report rests on; `skipped` samples could not be read."""

    kind: str
    label: str
    seed: int
    digest: str
    status: Status
    reason: str = ""
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """The test examples whose attribute has the same `value`, "" where it is unknown.

    `low` and `high` hold together for all slices of the row in the column. Without a mean there are too few examples.
    """

    value: str
    n: int
    mean: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class SliceTable:
    """One row of a column by the slices of one `attribute`.

    `lowest`, `median` and `highest` are over the slices of known values with at least `least` examples; None for fewer
    than two. `gap_low` and `gap_high` bound `highest - lowest`. Slices differ where `chance`, how likely chance alone
    makes such differences, is at most `level`. `looked_at` counts the slices of all attributes.
    """

    column: str
    title: str
    label: str
    attribute: str
    slices: tuple[Slice, ...]
    looked_at: int
    least: int
    lowest: float | None = None
    median: float | None = None
    highest: float | None = None
    gap_low: float | None = None
    gap_high: float | None = None
    chance: float | None = None
    level: float | None = None

    @property
    def benchmark(self) -> Benchmark:
        return _labelled(self.column.partition("@")[0].partition(".")[0])


class _StepTiming(TypedDict):
    """What an artifact cost: wall seconds, threads, and the processor it was made on.

    `place` is the one of `runtime.read_from` that it was read from, "" for the store.
    """

    kind: str
    label: str
    digest: str
    seconds: float
    threads: int
    processor: str
    cores: int
    place: str


class Timings(TypedDict):
    """What all artifacts of a run cost."""

    seconds: float
    stages: list[_StepTiming]


@dataclass(frozen=True, slots=True)
class FigureData:
    """Numbers by row over the same places: "lines" (few-shot curves) or "bars" (languages), in percent."""

    kind: Literal["lines", "bars"]
    title: str
    places: tuple[str, ...]
    series: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class Report:
    """All that is known of a run, timings apart. `config` is the experiment without its runtime section."""

    name: str
    seeds: tuple[int, ...]
    tables: tuple[ResultTable, ...]
    published: PaperTable | None
    notes: tuple[str, ...]
    details: tuple[Detail, ...]
    curves: tuple[Curve, ...]
    figures: tuple[FigureData, ...]
    gallery: tuple[GalleryExample, ...]
    stages: tuple[Stage, ...]
    versions: Mapping[str, str]
    config: Mapping[str, Any]  # of the schema, as YAML has it
    slices: tuple[SliceTable, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether any cell failed, in one seed or more: the exit code of its run and its report is then not 0."""
        cells = [cell for table in self.tables for row in table.rows for cell in row.cells.values()]
        return any(cell.status == "failed" or (cell.status == "partial" and bool(cell.reasons)) for cell in cells)
