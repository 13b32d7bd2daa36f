"""Base classes of our metrics: exact sums, means over questions, gathering over ranks of which some saw no batch."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric
from typing_extensions import Self

Scores = tuple[float, list[float]]
"""The mean score, and that of each question."""


class ExactMetric(Metric):
    """A metric whose states keep their dtypes when its owner is cast to half precision, or by `set_dtype`.

    A sum in bfloat16 stops growing at 256, and texts that are kept as bytes do not survive a cast to float16.
    """

    full_state_update = False

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Self:
        def move(state: Tensor) -> Tensor:
            moved = fn(state)
            return moved if moved.dtype == state.dtype else state.to(moved.device)

        super()._apply(move, exclude_state)
        return self


class QuestionMean(ExactMetric):
    """The mean over questions of a score in [0, 1], by `score`: a metric's pure function.

    Args:
        score: from predictions, and the answers to each question, to the mean and the score of each question.
    """

    is_differentiable = False
    higher_is_better = True
    total: Tensor
    count: Tensor

    def __init__(self, score: Callable[[Sequence[str], Sequence[Sequence[str]]], Scores], **kwargs: object) -> None:
        super().__init__(**kwargs)
        self._score = score
        self.add_state("total", torch.tensor(0.0, dtype=torch.float64), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predictions: Sequence[str], answers: Iterable[Sequence[str]]) -> None:
        """Add predictions and the answers to each of their questions; a batch may be empty."""
        answers = list(answers)
        if len(predictions) or answers:
            self.total += sum(self._score(predictions, answers)[1])
            self.count += len(answers)

    def compute(self) -> Tensor:
        """Scalar; NaN before any question."""
        return self.total / self.count


class GatheredMetric(ExactMetric):
    """A metric whose states are lists of flat tensors with the dtypes in `kept`, concatenated over batches and ranks.

    On a rank without batches torchmetrics gathers an empty tensor of its own dtype and shape, which fails beside the
    other ranks' tensors. Here all tensors are flat, and an empty one has the state's dtype.
    """

    kept: ClassVar[Mapping[str, torch.dtype]] = {}

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        for name in self.kept:
            self.add_state(name, [], dist_reduce_fx="cat")

    def keep(self, name: str, values: Tensor) -> None:
        """Append to a state."""
        getattr(self, name).append(values.detach().to(self.device, self.kept[name]).flatten())

    def joined(self, name: str) -> Tensor:
        """A whole state as one tensor: it is a list before ranks are synchronised, and a tensor afterwards."""
        state = getattr(self, name)
        if isinstance(state, Tensor):
            return state
        return torch.cat(state) if state else torch.empty(0, dtype=self.kept[name], device=self.device)

    def sync(
        self,
        dist_sync_fn: Callable[..., object] | None = None,
        process_group: object = None,
        should_sync: bool = True,
        distributed_available: Callable[[], bool] | None = None,
    ) -> None:
        """Concatenate the ranks' states; a rank without batches takes part with an empty tensor."""
        for name, dtype in self.kept.items():
            if isinstance(getattr(self, name), list) and not getattr(self, name):
                self.keep(name, torch.empty(0, dtype=dtype))
        super().sync(dist_sync_fn, process_group, should_sync, distributed_available)
