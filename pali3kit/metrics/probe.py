"""Few-shot linear probe of frozen features: big_vision's `fewshot_lsr`, used for the paper's Tables 1 and 6."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from pali3kit.errors import DataError
from pali3kit.metrics.inputs import require_features, require_labels

Floats = NDArray[np.float64]
Ints = NDArray[np.integer]

BIAS_FEATURE = 100.0  # constant feature, so large that the ridge hardly shrinks its weight
L2 = 2.0**10
ROWS = 4096  # test features that are converted to float64 at a time


def ridge_probe(
    train_features: NDArray[np.floating],
    train_labels: Ints,
    test_features: NDArray[np.floating],
    test_labels: Ints,
    shots: int = 10,
    repeats: int = 3,
    seed: int = 0,
) -> list[float]:
    """Test accuracy in [0, 1] of a ridge classifier on a few random images per class, once per draw.

    The paper reports the mean over 3 repeats.

    Args:
        train_features: [N,D]; computed in float64.
        train_labels: [N] integers; the classes are the values that occur.
        test_features: [M,D].
        test_labels: [M].
        shots: training samples per class.
        repeats: independent choices of shots.
        seed: draw k uses the generator `[seed, k]`, so that no two seeds share a draw.

    Raises:
        DataError: a class has fewer than `shots` samples, or none of the test labels is among the classes; features
            are not finite, of different widths, or not as many as labels.
    """
    require_labels(train_features, train_labels, "train images")
    classes, counts = np.unique(train_labels, return_counts=True)
    if len(scarce := classes[counts < shots]):
        raise DataError(f"class {scarce[0]} has fewer than {shots} shots; choose at most {int(counts.min())}.")
    hits = shot_curve(train_features, train_labels, test_features, test_labels, (shots,), repeats, seed)[shots]
    return [float(accuracy) for accuracy in hits.mean(1)]


def shot_curve(
    train_features: NDArray[np.floating],
    train_labels: Ints,
    test_features: NDArray[np.floating],
    test_labels: Ints,
    shots: Sequence[int] = (1, 5, 10, 25),
    repeats: int = 3,
    seed: int = 0,
) -> dict[int, NDArray[np.bool_]]:
    """Which test samples the classifiers of `ridge_probe` get right: bool `[repeats, M]` by the number of shots.

    In one draw, more shots include the fewer ones. A class with too few samples gives all that it has, as in
    big_vision. Arguments and other errors are those of `ridge_probe`.
    """
    _check(train_features, train_labels, test_features, test_labels, shots, repeats)
    classes = np.unique(train_labels)
    if not np.isin(test_labels, classes).any():
        raise DataError(f"No test label is among the {len(classes)} training classes {classes[:5].tolist()}...")
    hits = {number: np.empty((repeats, len(test_labels)), np.bool_) for number in shots}
    for number in shots:
        for draw in range(repeats):
            rows = _draw_shots(train_labels, classes, number, np.random.default_rng([seed, draw]))
            predictions = _fitted_predictions(train_features[rows], train_labels[rows], test_features)
            hits[number][draw] = predictions == test_labels
    return hits


def _check(
    train_features: NDArray[np.floating],
    train_labels: Ints,
    test_features: NDArray[np.floating],
    test_labels: Ints,
    shots: Sequence[int],
    repeats: int,
) -> None:
    if min(shots, default=0) < 1 or repeats < 1:
        raise DataError(f"a probe needs at least one shot and one draw, not {list(shots)} and {repeats}")
    for what, features, labels in (("train", train_features, train_labels), ("test", test_features, test_labels)):
        require_labels(features, labels, f"{what} images")
        require_features(features, f"{what} images", train_features.shape[-1])


def _fitted_predictions(
    features: NDArray[np.floating], labels: Ints, test_features: NDArray[np.floating]
) -> NDArray[np.integer]:
    """Classes of the test features by a ridge classifier on the standardised train features and a constant."""
    train = np.asarray(features, np.float64)
    mean, std = train.mean(0), train.std(0) + 1e-5
    classes = np.unique(labels)
    weights = _solve_ridge(_with_bias((train - mean) / std), np.where(labels[:, None] == classes, 1.0, -1.0))
    # standardisation is folded into the weights: half the time of standardising each test feature
    slopes = weights[:-1] / std[:, None]
    offsets = BIAS_FEATURE * weights[-1] - mean @ slopes
    parts = (test_features[start : start + ROWS] for start in range(0, len(test_features), ROWS))
    return np.concatenate([classes[(np.asarray(part, np.float64) @ slopes + offsets).argmax(1)] for part in parts])


def _draw_shots(labels: Ints, classes: Ints, shots: int, generator: np.random.Generator) -> NDArray[np.intp]:
    """Indices of `shots` random samples of each class."""
    return np.concatenate([generator.permutation(np.flatnonzero(labels == c))[:shots] for c in classes])


def _with_bias(x: Floats) -> Floats:
    """Append the constant feature: [N,D] to [N,D+1]."""
    return np.pad(x, ((0, 0), (0, 1)), constant_values=BIAS_FEATURE)


def _solve_ridge(x: Floats, y: Floats, l2: float = L2) -> Floats:
    """Weights [D,C] that minimise |x w - y|^2 + l2 |w|^2, for x [N,D] and y [N,C].

    By Cholesky decomposition, which takes a quarter of an eigendecomposition's time at 1,000 shots.
    """
    n, d = x.shape
    if n >= d:
        return _solved(x.T @ x + l2 * np.eye(d), x.T @ y)
    return np.asarray(x.T @ _solved(x @ x.T + l2 * np.eye(n), y))


def _solved(a: Floats, b: Floats) -> Floats:
    """Solve a x = b for a positive definite `a`, by torch: NumPy factorises but has no triangular solve."""
    factor = torch.linalg.cholesky(torch.from_numpy(a))
    return np.asarray(torch.cholesky_solve(torch.from_numpy(b), factor))
