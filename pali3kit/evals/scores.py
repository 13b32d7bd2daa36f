"""What an evaluator is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, TypedDict

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import DataError
from pali3kit.types import Json

if TYPE_CHECKING:  # reports read what is said here, without torch
    from pali3kit.data.source import Source
    from pali3kit.data.task import Example
    from pali3kit.masks.vqvae import MaskVQVAE


class Measured(NamedTuple):
    """What evaluators of an encoder alone yield: a number in percent, of how many, and its parts, whose mean it is."""

    name: str
    value: float
    n: int
    samples: NDArray[np.float64]


def measured(name: str, hits: NDArray[np.generic]) -> Measured:
    """The share of hits, in percent. Raises DataError for one of nothing, or of what is no number."""
    if not len(hits) or not np.isfinite(hits).all():
        raise DataError(f"{name}: {'nothing was measured' if not len(hits) else 'not all samples are finite'}")
    samples = 100.0 * np.asarray(hits, np.float64)
    return Measured(name, float(samples.mean()), len(samples), samples)


@dataclass(frozen=True, slots=True)
class Answered:
    """Generated `answers` to `examples`, for a metric.

    `source` knows where the words of captions end. Regions are written with the mask tokenizer `masks`, where there is
    one, and boxes of `bins` steps.
    """

    examples: Sequence[Example]
    answers: Sequence[str]
    source: Source
    masks: MaskVQVAE | None
    bins: int


@dataclass(frozen=True, slots=True)
class Scores:
    """`value` is the column's number (percent, or CIDEr x 100); `samples` are its parts, one per example.

    `details` holds, per example, what a report can draw (a predicted box, a mask); `extra` further numbers by name.
    """

    value: float
    samples: Sequence[float]
    extra: Mapping[str, Json] = field(default_factory=dict)
    details: Sequence[Mapping[str, Json]] = ()


class Metrics(TypedDict, total=False):
    """What `metrics.json` of a step says: of one value, or of several `columns`; `curve` of a probe, by shots."""

    value: float
    n: int
    samples: Sequence[float]
    extra: Mapping[str, Json]
    curve: Mapping[str, float]
    columns: Mapping[str, _ColumnMetrics]


class _ColumnMetrics(TypedDict):
    """One of several columns."""

    value: float
    n: int
    samples: Sequence[float]


class Prediction(TypedDict, total=False):
    """A line of `predictions.jsonl`: an example, the answer, its score, and of regions what can be drawn: boxes
    (y0, x0, y1, x1) in pixels and masks as runs (y, x, length).

    An example of one image has its number as `image`, others have `images`: `image_numbers` reads both.
    """

    image: int
    images: Sequence[int]
    prompt: str
    prediction: str
    target: str
    references: Sequence[str]
    language: str
    score: float | None
    box: Sequence[int]
    mask: Sequence[Sequence[int]]
    target_box: Sequence[int]
    target_mask: Sequence[Sequence[int]]


def image_numbers(row: Prediction) -> tuple[int, ...]:
    """The numbers of the images of a prediction."""
    return (row["image"],) if "image" in row else tuple(row["images"])


Metric = Callable[[Answered], Scores]
"""What the registry of metrics leads to."""
