"""What an evaluator returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


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
class Scores:
    """`value` is the column's number (percent, or CIDEr x 100); `samples` are its parts, one per example.

    `details` holds, per example, what a report can draw (a predicted box, a mask); `extra` further numbers by name.
    """

    value: float
    samples: list[float]
    extra: dict[str, Any] = field(default_factory=dict)
    details: list[dict[str, Any]] = field(default_factory=list)
