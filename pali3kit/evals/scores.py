"""The argument of metrics (`Answered`), the result of evaluations (`EvalResult`), and the files it is kept in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TypedDict

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import DataError
from pali3kit.types import Json

if TYPE_CHECKING:  # the report imports this module, and does so without torch
    from pali3kit.config.parity import Parity
    from pali3kit.data.source import Source
    from pali3kit.data.task import Example
    from pali3kit.masks.vqvae import MaskVQVAE


@dataclass(frozen=True, slots=True)
class EvalResult:
    """One number of an evaluation, with the samples that confidence intervals and paired differences need.

    Attributes:
        value: in percent, or CIDEr x 100, or nats per token; usually the mean of `samples`, but a mean over tasks or
            languages weighs them differently.
        samples: one number per test sample, in the unit of `value` and in the order of the test set.
        extra: further numbers by name.
        details: per sample, what the report can draw (a predicted box, a mask).
        name: which of its results it is, where an evaluator yields several (`top1`, `i2t@5/de`).
    """

    value: float
    samples: Sequence[float] = ()
    extra: Mapping[str, Json] = field(default_factory=dict)
    details: Sequence[Mapping[str, Json]] = ()
    name: str = ""

    @property
    def n(self) -> int:
        """The number of samples."""
        return len(self.samples)

    @classmethod
    def of_hits(cls, name: str, hits: NDArray[np.generic]) -> EvalResult:
        """The share of hits in percent, from 0 and 1 (or a share in [0, 1]) per sample.

        Raises DataError where there are no samples, or one is not finite.
        """
        if not len(hits) or not np.isfinite(hits).all():
            raise DataError(f"{name}: {'there are no samples' if not len(hits) else 'not all samples are finite'}")
        samples = 100.0 * np.asarray(hits, np.float64)
        return cls(float(samples.mean()), samples.tolist(), name=name)


class TextScorer(Protocol):
    """Rates texts by itself, without images or references."""

    def __call__(self, texts: Sequence[str]) -> Sequence[float]:
        """A score from 0 to 1 for each text, such as the probability that it is toxic."""
        ...


@dataclass(frozen=True, slots=True)
class Answered:
    """Generated `answers`, one for each of `examples`: the argument of a metric.

    `source` splits captions into words, in languages that are written without spaces. Regions are decoded with the
    mask tokenizer `masks`, which other benchmarks do without, and have box coordinates of `bins` steps. `text_scorers`
    are those of `evaluation`, by name, for benchmarks that have them. `log_perplexities` are those of the texts of
    `parity`, in nats a token, for benchmarks that compare them.
    """

    examples: Sequence[Example]
    answers: Sequence[str]
    source: Source
    masks: MaskVQVAE | None
    bins: int
    text_scorers: Mapping[str, TextScorer] = field(default_factory=dict)
    parity: Parity | None = None
    log_perplexities: Sequence[Mapping[str, float]] = ()


class Metrics(TypedDict, total=False):
    """The content of `metrics.json`: one value, or several `columns`; `curve` holds a probe's accuracy by shots."""

    value: float
    n: int
    samples: Sequence[float]
    extra: Mapping[str, Json]
    curve: Mapping[str, float]
    columns: Mapping[str, _ColumnMetrics]


class _ColumnMetrics(TypedDict):
    """One of several columns in `metrics.json`."""

    value: float
    n: int
    samples: Sequence[float]


class Prediction(TypedDict, total=False):
    """A line of `predictions.jsonl`: an example, the answer and its score. Regions also have boxes (y0, x0, y1, x1) in
    pixels and masks as runs (y, x, length), which the report draws.

    `parts` has the score in each column of a benchmark that scores an answer in several ways.

    An example of one image has its number as `image`, others have `images`: `image_numbers` reads both.
    """

    image: int
    images: Sequence[int]
    prompt: str
    prediction: str
    target: str
    references: Sequence[str]
    language: str
    id: int | str
    ocr_words: Sequence[int]
    group: str
    attributes: Mapping[str, str]
    parts: Mapping[str, float]
    score: float | None
    box: Sequence[int]
    mask: Sequence[Sequence[int]]
    target_box: Sequence[int]
    target_mask: Sequence[Sequence[int]]


def image_numbers(row: Prediction) -> tuple[int, ...]:
    """The numbers of the images of a prediction."""
    return (row["image"],) if "image" in row else tuple(row["images"])


Metric = Callable[[Answered], EvalResult]
"""The type of a registered metric."""
