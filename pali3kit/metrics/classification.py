"""Classification: top-1, and ReaL's accuracy over pictures that were labelled again (Beyer et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pali3kit.errors import DataError
from pali3kit.metrics.base import ExactMetric
from pali3kit.metrics.inputs import require_labels

Ints = NDArray[np.integer]


def relabelled_hits(predictions: Ints, right: Sequence[tuple[int, ...]]) -> NDArray[np.bool_]:
    """Which predictions are among the labels that are right for their picture.

    Pictures without any, of which nobody could tell what they show, are left out: the result is as much shorter.
    Raises DataError where there is not one list for each prediction, or all are empty.
    """
    if len(predictions) != len(right):
        raise DataError(f"{len(predictions)} predictions and {len(right)} lists of right labels do not belong together")
    require_labels(right, np.asarray(predictions), "predictions")
    told = [int(prediction) in labels for prediction, labels in zip(predictions, right, strict=True) if len(labels)]
    if not told:
        raise DataError("none of the pictures has a right label")
    return np.array(told, np.bool_)


def relabelled_accuracy(predictions: Ints, right: Sequence[tuple[int, ...]]) -> float:
    """ReaL's accuracy in percent: the share of `relabelled_hits`."""
    return 100 * float(relabelled_hits(predictions, right).mean())


class RelabelledAccuracy(ExactMetric):
    """`relabelled_accuracy` over batches: `update(predictions int64 [B], right labels of each)`."""

    higher_is_better = True
    hits: Tensor
    told: Tensor

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.add_state("hits", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("told", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, right: Sequence[tuple[int, ...]]) -> None:
        """Count those of a batch, of which there may be none."""
        if any(map(len, right)) or len(predictions) != len(right):
            hits = relabelled_hits(predictions.numpy(force=True), right)
            self.told += len(hits)
            self.hits += int(hits.sum())

    def compute(self) -> Tensor:
        """Percent; NaN before any picture with a label."""
        return 100 * self.hits / self.told
