"""ReaL accuracy: classification of images that were relabelled, with perhaps several labels (Beyer et al. 2020)."""

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
    """Which predictions are among the right labels of their image.

    Images for which no label is right are left out, so the result is shorter by their number. Raises DataError where
    there is not one list of labels per prediction, or all of them are empty.
    """
    if len(predictions) != len(right):
        raise DataError(f"{len(predictions)} predictions need as many lists of right labels, not {len(right)}")
    require_labels(right, np.asarray(predictions), "predictions")
    hits = [int(prediction) in labels for prediction, labels in zip(predictions, right, strict=True) if len(labels)]
    if not hits:
        raise DataError("none of the images has a right label")
    return np.array(hits, np.bool_)


def relabelled_accuracy(predictions: Ints, right: Sequence[tuple[int, ...]]) -> float:
    """ReaL accuracy in percent; arguments and errors are those of `relabelled_hits`."""
    return 100 * float(relabelled_hits(predictions, right).mean())


class RelabelledAccuracy(ExactMetric):
    """`relabelled_accuracy` over batches: `update(predictions int64 [B], right labels of each)`."""

    higher_is_better = True
    hits: Tensor
    count: Tensor

    def __init__(self, **kwargs: object) -> None:
        super().__init__(**kwargs)
        self.add_state("hits", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("count", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predictions: Tensor, right: Sequence[tuple[int, ...]]) -> None:
        """Add a batch, which may be empty."""
        if any(map(len, right)) or len(predictions) != len(right):
            hits = relabelled_hits(predictions.numpy(force=True), right)
            self.count += len(hits)
            self.hits += int(hits.sum())

    def compute(self) -> Tensor:
        """Percent; NaN before any image with a right label."""
        return 100 * self.hits / self.count
