"""A weighted mixture of tasks whose every batch is a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from itertools import accumulate

import numpy as np

from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError

PATIENCE = 100  # pictures tried before a task is said to fit none


def tempered(weights: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Weights to the power of 1 / `temperature`: above 1 they come closer to each other, at 1 they stay; 0 stays 0."""
    return {name: weight ** (1 / temperature) for name, weight in weights.items()}


class Mixture:
    """Draws tasks by weight and pictures uniformly among those that may offer the task.

    Nothing is kept between batches, so training resumes at the exact example after any interruption.

    Args:
        tasks: (task, weight) by name; weights need not sum to 1.
        count: pictures in the split.
        without: pictures that are not to be drawn.

    Raises:
        DataError: none of the pictures is one that a task may be on.
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
        self.shares = weights / weights.sum()
        self.split, self.seed, self.without = split, seed, without
        self.places = [_Places(task.where(split, count)) for task in self.tasks]
        for task, places in zip(self.tasks, self.places, strict=True):
            if not len(places):
                raise DataError(f"none of the {count} pictures of the {split} split is one for task {task.name!r}")

    def batch(self, step: int, size: int) -> list[Example]:
        """`size` examples of step `step`."""
        rng = np.random.default_rng([self.seed, step])
        return [self._draw(which, rng) for which in self._choose(rng, size)]

    def instead(self, step: int, size: int, position: int, attempt: int) -> Example:
        """Another example of the same task for a position of `batch(step, size)`; there is one for each `attempt` >= 1.

        Drawn from a random stream of its own, so that nothing else of the batch depends on it.
        """
        which = self._choose(np.random.default_rng([self.seed, step]), size)[position]
        return self._draw(which, np.random.default_rng([self.seed, step, position, attempt]))

    def _choose(self, rng: np.random.Generator, size: int) -> list[int]:
        """The tasks of a batch, which are the first that is drawn of it."""
        chosen: list[int] = rng.choice(len(self.tasks), size, p=self.shares).tolist()
        return chosen

    def _draw(self, which: int, rng: np.random.Generator) -> Example:
        task, places = self.tasks[which], self.places[which]
        for _ in range(PATIENCE):
            index = places[int(rng.integers(len(places)))]
            example = None if index in self.without else task.draw(self.split, index, rng)
            if example is not None:
                return example
        raise DataError(f"task {task.name!r} found no example in {PATIENCE} pictures of the {self.split} split")


class _Places:
    """Some ranges, one behind the other."""

    def __init__(self, ranges: Sequence[range]) -> None:
        self.ranges = ranges
        self.ends = list(accumulate(map(len, ranges)))

    def __len__(self) -> int:
        return self.ends[-1] if self.ends else 0

    def __getitem__(self, place: int) -> int:
        which = int(np.searchsorted(self.ends, place, side="right"))
        return self.ranges[which][place - self.ends[which]]
