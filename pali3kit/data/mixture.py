"""A weighted mixture of tasks whose every batch is a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError

PATIENCE = 100  # pictures tried before a task is said to fit none


class Mixture:
    """Draws tasks by weight and pictures uniformly.

    Nothing is kept between batches, so training resumes at the exact example after any interruption.

    Args:
        tasks: (task, weight) by name; weights need not sum to 1.
        count: pictures in the split.
    """

    def __init__(self, tasks: Mapping[str, tuple[Task, float]], split: str, count: int, seed: int) -> None:
        self.tasks = [task for task, _ in tasks.values()]
        weights = np.array([weight for _, weight in tasks.values()], dtype=float)
        self.shares = weights / weights.sum()
        self.split, self.count, self.seed = split, count, seed

    def batch(self, step: int, size: int) -> list[Example]:
        """`size` examples of step `step`."""
        rng = np.random.default_rng([self.seed, step])
        return [self._draw(self.tasks[which], rng) for which in rng.choice(len(self.tasks), size, p=self.shares)]

    def _draw(self, task: Task, rng: np.random.Generator) -> Example:
        for _ in range(PATIENCE):
            example = task.draw(self.split, int(rng.integers(self.count)), rng)
            if example is not None:
                return example
        raise DataError(f"task {task.name!r} found no example in {PATIENCE} pictures of the {self.split} split")
