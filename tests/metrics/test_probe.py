import numpy as np
import pytest

from pali3kit.errors import DataError
from pali3kit.metrics.probe import (
    _draw_shots,
    _fitted_predictions,
    _solve_ridge,
    ridge_probe,
    shot_curve,
)


def blobs(classes: int, width: int, each: int, spread: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(classes, width))
    labels = np.repeat(np.arange(classes), each) * 3 + 1  # classes need not be 0..C-1
    return (centres.repeat(each, 0) + spread * rng.normal(size=(classes * each, width))).astype(np.float32), labels


@pytest.mark.parametrize(("n", "d"), [(50, 7), (7, 50), (12, 12)])
def test_both_gram_matrices_equal_a_direct_solution(n, d):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=(n, d)), rng.normal(size=(n, 4))
    direct = np.linalg.solve(x.T @ x + 1024.0 * np.eye(d), x.T @ y)
    np.testing.assert_allclose(_solve_ridge(x, y), direct, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("width", [6, 80])
def test_accuracies_equal_a_direct_computation(width):
    x, labels = blobs(5, width, 20, 1.5)
    x_test, labels_test = blobs(5, width, 20, 1.5, seed=0)
    x_test = x_test + width**0.5 * np.random.default_rng(9).normal(size=x_test.shape)
    expected = []
    for draw in range(3):
        rng = np.random.default_rng([4, draw])
        rows = np.concatenate([rng.permutation(np.where(labels == c)[0])[:10] for c in np.unique(labels)])
        shots = x[rows].astype(np.float64)
        mean, std = shots.mean(0), shots.std(0) + 1e-5
        a = np.c_[(shots - mean) / std, np.full(50, 100.0)]
        y = 2.0 * (labels[rows][:, None] == np.unique(labels)) - 1
        w = np.linalg.solve(a.T @ a + 2**10 * np.eye(width + 1), a.T @ y)
        guess = (np.c_[(x_test - mean) / std, np.full(100, 100.0)] @ w).argmax(1)
        expected.append((np.unique(labels)[guess] == labels_test).mean())
    got = ridge_probe(x, labels, x_test, labels_test, shots=10, repeats=3, seed=4)
    assert got == expected
    assert len(set(got)) > 1


def test_separable_classes_are_all_found_and_noise_is_not():
    x, labels = blobs(4, 8, 30, 0.05)
    assert ridge_probe(x[::2], labels[::2], x[1::2], labels[1::2]) == [1.0] * 3
    noise = np.random.default_rng(0).normal(size=x.shape)
    assert max(ridge_probe(noise[::2], labels[::2], noise[1::2], labels[1::2])) < 0.6


def test_draws_are_balanced_distinct_and_seeded():
    _, labels = blobs(3, 2, 20, 1.0)
    rows = _draw_shots(labels, np.unique(labels), 5, np.random.default_rng(0))
    assert len(set(rows.tolist())) == 15
    assert np.unique(labels[rows], return_counts=True)[1].tolist() == [5, 5, 5]
    assert (rows == _draw_shots(labels, np.unique(labels), 5, np.random.default_rng(0))).all()


def test_too_few_shots_are_refused():
    x, labels = blobs(3, 2, 20, 1.0)
    with pytest.raises(DataError, match="class 1 has fewer than 30 shots; choose at most 20"):
        ridge_probe(x, labels, x, labels, shots=30)


def test_foreign_test_labels_are_refused():
    x, labels = blobs(3, 2, 20, 1.0)
    with pytest.raises(DataError, match="No test label"):
        ridge_probe(x, labels, x, labels + 1)


def test_a_curve_is_the_probe_at_each_number_of_shots():
    x, labels = blobs(4, 10, 20, 1.0)
    x_test, labels_test = blobs(4, 10, 30, 1.0)
    curve = shot_curve(x, labels, x_test + 1.0, labels_test, (1, 5, 10), repeats=2, seed=3)
    assert list(curve) == [1, 5, 10]
    for shots, hits in curve.items():
        expected = ridge_probe(x, labels, x_test + 1.0, labels_test, shots, repeats=2, seed=3)
        assert hits.mean(1).tolist() == expected
    assert curve[1].mean() < curve[10].mean()


def test_in_a_curve_a_small_class_gives_all_it_has():
    x, labels = blobs(3, 6, 20, 1.0)
    few = np.r_[0:4, 20:60]  # 4 of the first class
    x, labels = x[few], labels[few]
    curve = shot_curve(x, labels, x, labels, (10,), repeats=1)
    rows = _draw_shots(labels, np.unique(labels), 10, np.random.default_rng([0, 0]))
    assert np.unique(labels[rows], return_counts=True)[1].tolist() == [4, 10, 10]
    np.testing.assert_array_equal(curve[10][0], _fitted_predictions(x[rows], labels[rows], x) == labels)
