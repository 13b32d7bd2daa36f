"""ReaL's accuracy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pali3kit.errors import DataError
from pali3kit.metrics.classification import RelabelledAccuracy, relabelled_accuracy, relabelled_hits

RIGHT = [(3,), (1, 2), (), (5, 0), ()]


def test_a_case_by_hand() -> None:
    hits = relabelled_hits(np.array([3, 0, 1, 0, 4]), RIGHT)
    assert hits.tolist() == [True, False, True]  # images 2 and 4, of which nobody could tell, are left out
    assert relabelled_accuracy(np.array([3, 0, 1, 0, 4]), RIGHT) == pytest.approx(200 / 3)


def test_it_is_the_published_rule() -> None:
    """github google-research/reassessed-imagenet, README: predictions against `real.json`."""
    rng = np.random.default_rng(0)
    predictions = rng.integers(0, 10, 500)
    right = [tuple(rng.choice(10, rng.integers(0, 4), replace=False).tolist()) for _ in predictions]
    real_labels = [list(labels) for labels in right]
    is_correct = [pred in real_labels[i] for i, pred in enumerate(predictions) if real_labels[i]]
    assert relabelled_accuracy(predictions, right) == pytest.approx(100 * np.mean(is_correct), abs=1e-9)
    assert len(is_correct) < 500


def test_the_metric_over_batches() -> None:
    metric = RelabelledAccuracy()
    metric.update(torch.tensor([3, 0]), RIGHT[:2])
    metric.update(torch.tensor([1, 0, 4]), RIGHT[2:])
    assert float(metric.compute()) == pytest.approx(200 / 3)


@pytest.mark.parametrize(
    ("right", "message"),
    [([(1,)], "2 predictions need as many lists of right labels, not 1"), ([(), ()], "none of the images")],
)
def test_what_cannot_be_judged_is_refused(right: list[tuple[int, ...]], message: str) -> None:
    with pytest.raises(DataError, match=message):
        relabelled_hits(np.array([1, 2]), right)
