"""What an evaluator returns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Scores:
    """`value` is the column's number (percent, or CIDEr x 100); `samples` are its parts, one per example.

    `details` holds, per example, what a report can draw (a predicted box, a mask); `extra` further numbers by name.
    """

    value: float
    samples: list[float]
    extra: dict[str, Any] = field(default_factory=dict)
    details: list[dict[str, Any]] = field(default_factory=list)
