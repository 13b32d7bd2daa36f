"""What a task hands on: an image, a prompt and a target, whatever data set they came from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import numpy as np

Box = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class Example:
    """One thing to learn or to be asked.

    `image` is the index of the picture in its split. `references` are what the metric compares an answer with.
    Where a region is asked for, `box` (y0, x0, y1, x1, pixels, half open) and `mask` (bool `[H,W]`) hold it;
    then the target's text is the box, and its mask tokens are added by whoever holds the mask tokenizer. Without
    `sighted` it is about text alone: whatever picture `image` is, the model does not see it.
    """

    image: int
    prompt: str
    target: str
    references: tuple[str, ...] = ()
    language: str = "en"
    box: Box | None = None
    mask: np.ndarray | None = None
    sighted: bool = True


class Task(Protocol):
    """Makes examples from the pictures of a split."""

    name: str

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        """An example on picture `index`, or None where the picture offers none."""
        ...

    def where(self, split: str, count: int) -> Sequence[range]:
        """Which of the first `count` pictures may offer one: a rare task must not be searched for by luck."""
        ...


def held_out(task: Task, split: str, count: int, limit: int, seed: int, start: int = 0) -> list[Example]:
    """Up to `limit` examples over the pictures from `start` to `count`, in order, each from its own random stream."""
    return list(_take(task, split, count, limit, seed, start))


def _take(task: Task, split: str, count: int, limit: int, seed: int, start: int) -> Iterator[Example]:
    taken = 0
    places = (range(max(places.start, start), places.stop) for places in task.where(split, count))
    for index in chain.from_iterable(places):
        if taken == limit:
            return
        example = task.draw(split, index, np.random.default_rng([seed, index]))
        if example is not None:
            taken += 1
            yield example
