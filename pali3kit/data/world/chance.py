"""Cheap random choices: on a handful of items, arithmetic on one uniform number beats the generator's own methods."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

Draw = Callable[[], float]  # uniform in [0, 1): the `random` method of a NumPy generator
T = TypeVar("T")


def pick(items: Sequence[T], draw: Draw) -> T:
    """One of the items."""
    return items[int(draw() * len(items))]


def shuffled(items: Sequence[T], draw: Draw) -> list[T]:
    """The items in random order (Fisher-Yates)."""
    order = list(items)
    for i in range(len(order) - 1, 0, -1):
        j = int(draw() * (i + 1))
        order[i], order[j] = order[j], order[i]
    return order
