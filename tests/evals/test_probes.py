"""The few-shot probe."""

from __future__ import annotations

import numpy as np
import pytest

from pali3kit.errors import DataError
from pali3kit.evals.features import Features
from pali3kit.evals.probes import few_shot_probe
from pali3kit.metrics.probe import ridge_probe


def clusters(seed: int, each: int) -> Features:
    rng = np.random.default_rng(seed)
    labels = np.arange(5 * each) % 5
    centres = np.random.default_rng(0).normal(size=(5, 12))
    return Features((centres[labels] + 1.5 * rng.normal(size=(len(labels), 12))).astype(np.float32), labels)


def test_it_is_the_ridge_probe_at_each_number_of_shots() -> None:
    train, test = clusters(1, 12), clusters(2, 40)
    found = list(few_shot_probe(train, test, shots=(1, 10), repeats=2, seed=3))
    assert [(one.name, one.n) for one in found] == [("1-shot", 200), ("10-shot", 200)]
    for one, shots in zip(found, (1, 10), strict=True):
        assert train.labels is not None and test.labels is not None
        accuracies = ridge_probe(train.features, train.labels, test.features, test.labels, shots, repeats=2, seed=3)
        assert one.value == pytest.approx(100 * np.mean(accuracies)) == pytest.approx(np.mean(one.samples))
    assert found[0].value < found[1].value


def test_features_without_labels_are_refused() -> None:
    with pytest.raises(DataError, match="a probe needs labels"):
        list(few_shot_probe(clusters(1, 12), Features(np.ones((2, 12), np.float32))))
