"""The linear classifier that is trained by gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from pali3kit.errors import DataError, StageError
from pali3kit.evals import linear
from pali3kit.evals.linear import LinearClassifier


def clusters(spread: float, each: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features of 5 classes, 16 wide, whose columns differ in mean and scale; labels are not 0 to 4."""
    centres = np.random.default_rng(0).normal(size=(5, 16))
    rng = np.random.default_rng([1, seed])
    features = centres.repeat(each, 0) + spread * rng.normal(size=(5 * each, 16))
    return (features * np.geomspace(0.01, 100, 16) + 7).astype(np.float32), np.arange(5).repeat(each) * 3 + 1


def test_separable_classes_are_all_found() -> None:
    features, labels = clusters(0.05, 40)
    found = LinearClassifier.fit(features[::2], labels[::2], learning_rate=1e-2).predict(features[1::2])
    np.testing.assert_array_equal(found, labels[1::2])


def test_without_a_regulariser_it_finds_what_scikit_learn_finds() -> None:
    train, labels = clusters(1.5, 300)
    test, truth = clusters(1.5, 400, seed=1)
    mean, std = train.mean(0), train.std(0)
    reference = LogisticRegression(C=1e6, max_iter=1000).fit((train - mean) / std, labels).predict((test - mean) / std)
    model = LinearClassifier.fit(train, labels, epochs=60, batch_size=250, learning_rate=3e-2, weight_decay=0.0)
    found = model.predict(test)
    assert (found == reference).mean() > 0.98
    assert (found == truth).mean() == pytest.approx((reference == truth).mean(), abs=0.01)
    assert 0.5 < (reference == truth).mean() < 0.95


def test_a_seed_tells_all() -> None:
    features, labels = clusters(1.5, 30)
    first, again, other = (
        LinearClassifier.fit(features, labels, epochs=3, batch_size=32, seed=seed) for seed in (0, 0, 1)
    )
    assert torch.equal(first.linear.weight, again.linear.weight)
    assert not torch.equal(first.linear.weight, other.linear.weight)


def test_features_in_a_file_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = clusters(1.5, 30)
    np.save(tmp_path / "features.npy", features)
    mapped = np.load(tmp_path / "features.npy", mmap_mode="r")
    expected = LinearClassifier.fit(features, labels, epochs=2).predict(features)
    monkeypatch.setattr(linear, "ROWS", 7)
    model = LinearClassifier.fit(mapped, labels, epochs=2)
    np.testing.assert_array_equal(model.predict(mapped), expected)
    np.testing.assert_allclose(model.mean, features.astype(np.float64).mean(0), rtol=1e-6)
    np.testing.assert_allclose(model.std, features.astype(np.float64).std(0) + linear.EPSILON, rtol=1e-5)


def test_features_that_are_not_finite_are_refused() -> None:
    features, labels = clusters(1.5, 30)
    features[17, 3] = np.nan
    with pytest.raises(DataError, match="not all finite"):
        LinearClassifier.fit(features, labels)


def test_a_loss_that_is_not_finite_is_told_with_advice() -> None:
    features, labels = clusters(1.5, 30)
    with pytest.raises(StageError, match=r"loss is (nan|inf) in epoch 1 of 30: choose a learning_rate below 1e\+30"):
        LinearClassifier.fit(features, labels, batch_size=16, learning_rate=1e30)
