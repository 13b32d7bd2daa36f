"""A weighted mixture of tasks whose every batch is a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError

PATIENCE = 100  # images tried before a task is given up


def tempered(weights: Mapping[str, float], temperature: float) -> dict[str, float]:
    """Weights to the power of 1 / `temperature`: above 1 they come closer to each other, at 1 they stay; 0 stays 0."""
    return {name: weight ** (1 / temperature) for name, weight in weights.items()}


class Mixture:
    """Draws tasks by weight, and images uniformly among those that may have an example of the task.

    It has no state between batches, so training resumes at the exact example after any interruption.

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
        self.shares = weights / weights.sum()
        self.split, self.seed, self.without = split, seed, without
        self.places = [_Places(task.where(split, count)) for task in self.tasks]
        for task, places in zip(self.tasks, self.places, strict=True):
            if not len(places):
                raise DataError(f"none of the {count} images of the {split} split is one for task {task.name!r}")

    def batch(self, step: int, size: int) -> list[Example]:
        """`size` examples of step `step`."""
        rng = np.random.default_rng([self.seed, step])
        return [self._draw(which, rng) for which in self._choose(rng, size)]

    def instead(self, step: int, size: int, position: int, attempt: int) -> Example:
        """A replacement of the same task for the example at a position of `batch(step, size)`, for `attempt` >= 1.

        It is drawn from a random stream of its own, so that no other example of the batch changes.
        """
        which = self._choose(np.random.default_rng([self.seed, step]), size)[position]
        return self._draw(which, np.random.default_rng([self.seed, step, position, attempt]))

    def _choose(self, rng: np.random.Generator, size: int) -> list[int]:
        """The numbers of the tasks of a batch, which are drawn before its examples."""
        chosen: list[int] = rng.choice(len(self.tasks), size, p=self.shares).tolist()
        return chosen

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
        which = int(np.searchsorted(self.ends, place, side="right"))
        return self.ranges[which][place - int(self.ends[which])]
