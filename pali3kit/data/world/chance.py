"""Random choices among few items; for these, one uniform number is much faster than the generator's own methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

Draw = Callable[[], float]  # uniform in [0, 1): the `random` method of a NumPy generator
T = TypeVar("T")


def pick(items: Sequence[T], draw: Draw) -> T:
    """A random item, from one uniform number."""
    return items[int(draw() * len(items))]


def choice(rng: np.random.Generator, items: Sequence[T]) -> T:
    """A random item, from one integer of the generator."""
    return items[int(rng.integers(len(items)))]


def shuffled(items: Sequence[T], draw: Draw) -> list[T]:
    """The items in random order (Fisher-Yates)."""
    order = list(items)
    for i in range(len(order) - 1, 0, -1):
        j = int(draw() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order
