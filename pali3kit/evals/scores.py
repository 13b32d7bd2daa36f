"""What an evaluator is given, and what it returns."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.source import Source
from pali3kit.data.task import Example
from pali3kit.masks.vqvae import MaskVQVAE
from pali3kit.types import Json


class Measured(NamedTuple):
    """What evaluators of an encoder alone yield: a number in percent, of how many, and its parts, whose mean it is."""

    name: str
    value: float
    n: int
    samples: NDArray[np.float64]


def measured(name: str, hits: NDArray[np.generic]) -> Measured:
    """The share of hits, in percent."""
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


Metric = Callable[[Answered], Scores]
"""What the registry of metrics leads to."""
