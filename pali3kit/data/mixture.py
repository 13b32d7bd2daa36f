"""A weighted mixture of tasks whose every example is a pure function of the seed, the step and its position."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError

PATIENCE = 1000  # images tried before a task is given up


def tempered(weights: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Weights to the power of 1 / `temperature`: above 1 they come closer to each other, at 1 they stay; 0 stays 0."""
    return {name: weight ** (1 / temperature) for name, weight in weights.items()}


class Mixture:
    """Draws tasks by weight, and images uniformly among those that may have an example of the task.

    It has no state: every position of a step has a random stream of its own. So a rank draws its own examples only, and
    training resumes at the exact example after any interruption.

    Args:
        tasks: (task, weight) by name; weights need not sum to 1.
        count: images in the split.
        without: numbers of images that no example may have.

    Raises:
        DataError: a task has no example on any of the images.
    """

    def __init__(
        self,
        tasks: Mapping[str, tuple[Task, float]],
        split: str,
        count: int,
        seed: int,
        without: Collection[int] = (),
    ) -> None:
        self.tasks = [task for task, _ in tasks.values()]
        weights = np.array([weight for _, weight in tasks.values()], dtype=float)
        self.ends = np.cumsum(weights)
        self.split, self.seed, self.without = split, seed, without
        self.places = [_Places(task.where(split, count)) for task in self.tasks]
        for task, places in zip(self.tasks, self.places, strict=True):
            if not len(places):
                none = f"none of the {count} images of the {split} split is one for task {task.name!r}"
                raise DataError(f"{none}; {{{task.name}: 0}} leaves it out of a mixture")

    def example(self, step: int, position: int, attempt: int = 0) -> Example:
        """The example at a position of a step, or, for an `attempt` >= 1, a replacement for it of the same task."""
        rng = np.random.default_rng([self.seed, step, position])
        which = bisect_right(self.ends, rng.random() * self.ends[-1])
        return self._draw(which, np.random.default_rng([self.seed, step, position, attempt]) if attempt else rng)

    def _draw(self, which: int, rng: np.random.Generator) -> Example:
        task, places = self.tasks[which], self.places[which]
        for _ in range(PATIENCE):
            index = places[int(rng.integers(len(places)))]
            example = None if index in self.without else task.draw(self.split, index, rng)
            if example is not None and not any(image in self.without for image in example.images):
                return example
        raise DataError(f"task {task.name!r} found no example in {PATIENCE} images of the {self.split} split")


class _Places:
    """Ranges of numbers, concatenated: a place leads to a number."""

    def __init__(self, ranges: Sequence[range]) -> None:
        self.ranges = ranges
        self.ends = np.cumsum([len(each) for each in ranges])

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    def __getitem__(self, place: int) -> int:
        which = bisect_right(self.ends, place)
        return self.ranges[which][place - int(self.ends[which])]
