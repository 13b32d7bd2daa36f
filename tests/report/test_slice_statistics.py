"""Intervals of slices and the test of their differences, against hand-computed cases, SciPy and simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from pali3kit.report.slice_statistics import (
    LEVEL,
    chance_of_differences,
    difference_bounds,
    mean_bounds,
)


@pytest.mark.parametrize(("hits", "n"), [(0, 50), (3, 60), (30, 60), (60, 60)])
@pytest.mark.parametrize("comparisons", [1, 18])
def test_bounds_of_a_share_are_wilsons(hits: int, n: int, comparisons: int) -> None:
    samples = np.array([100.0] * hits + [0.0] * (n - hits))
    expected = stats.binomtest(hits, n).proportion_ci(1 - LEVEL / comparisons, "wilson")
    assert mean_bounds(samples, True, comparisons) == pytest.approx((100 * expected.low, 100 * expected.high))


def test_a_share_of_none_is_not_certain() -> None:
    low, high = mean_bounds(np.zeros(1000), True, 1)
    assert low == pytest.approx(0, abs=1e-12) and high == pytest.approx(
        100 * 3.8415 / 1003.8415, rel=1e-4
    )  # z^2 / (n + z^2)


@pytest.mark.parametrize("n", [12, 50, 400])
@pytest.mark.parametrize("comparisons", [1, 18])
def test_bounds_of_other_scores_are_students(n: int, comparisons: int) -> None:
    samples = np.random.default_rng(n).normal(120, 30, n)
    expected = stats.t.interval(1 - LEVEL / comparisons, n - 1, samples.mean(), stats.sem(samples))
    assert mean_bounds(samples, False, comparisons) == pytest.approx(expected, rel=1e-3)


def test_the_bounds_of_a_difference_are_newcombes() -> None:
    # Newcombe (1998), Table II, example a, method 10: 56/70 against 48/80 has 0.0524 to 0.3339.
    bounds = [mean_bounds(np.array([100.0] * hits + [0.0] * (n - hits)), True, 1) for hits, n in ((56, 70), (48, 80))]
    assert difference_bounds((80.0, bounds[0]), (60.0, bounds[1])) == pytest.approx((5.24, 33.39), abs=0.01)


def test_all_intervals_hold_together_as_often_as_told() -> None:
    rng, shares, sizes = np.random.default_rng(1), np.linspace(0.02, 0.4, 9), np.linspace(60, 400, 9).astype(int)
    missed = 0
    for _ in range(400):
        bounds = [mean_bounds(100.0 * (rng.random(n) < share), True, 9) for share, n in zip(shares, sizes, strict=True)]
        missed += any(not low <= 100 * share <= high for (low, high), share in zip(bounds, shares, strict=True))
    assert 1 <= missed <= 400 * LEVEL + 2 * (400 * LEVEL * (1 - LEVEL)) ** 0.5


def test_the_chance_of_two_slices_is_that_of_fishers_test() -> None:
    samples = np.array([100.0] * 9 + [0.0] * 11 + [100.0] * 2 + [0.0] * 18)
    slices = np.repeat([0, 1], 20)
    found = chance_of_differences(samples, slices, 1999)
    expected = stats.fisher_exact([[9, 11], [2, 18]])[1]
    assert found == pytest.approx(expected, abs=0.012)


def test_one_slice_of_six_that_deviates_is_found() -> None:
    rng, slices = np.random.default_rng(3), np.repeat(np.arange(6), 100)
    samples = 100.0 * (rng.random(600) < np.where(slices == 4, 0.5, 0.2))
    assert chance_of_differences(samples, slices) == 0.001


@pytest.mark.parametrize(("samples", "slices"), [(np.arange(9.0), np.zeros(9, int)), (np.ones(9), np.arange(9) % 3)])
def test_nothing_can_deviate_in_one_slice_or_among_equal_scores(samples: np.ndarray, slices: np.ndarray) -> None:
    assert chance_of_differences(samples, slices) == 1.0
