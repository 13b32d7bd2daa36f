"""Intervals of slices that hold together, and a permutation test of whether slices differ at all.

The lowest and the highest of many slices differ by chance alone, so nothing here is about one slice by itself:

- The intervals of `comparisons` means hold together at 95% (Bonferroni). Scores from 0 to 100 have Wilson's interval,
  which has a width also where all scores are 0 or all are 100, and is too wide rather than too narrow for partial
  marks: the variance of a score within [0, 1] is at most that of right-or-wrong scores with its mean. Scores without
  bounds have Student's t.
- The difference of two means has the interval of Newcombe (1998; MOVER), from those of the two.
- The test shuffles which example is in which slice and compares the largest deviation of any slice, in standard
  errors, with that of the true slices. Its level is exact for any number and size of slices and any kind of score, if
  examples are independent: several questions on one image are not.

The resampling has a fixed seed, so that equal predictions give equal bytes.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

LEVEL = 0.05
SHUFFLES = 999
_Floats = NDArray[np.float64]
_ROUNDING = 1e-9  # deviations that differ by less are equal: sums in another order round otherwise


def mean_bounds(samples: _Floats, bounded: bool, comparisons: int) -> tuple[float, float]:
    """The bounds of the mean of `[n]` samples, n at least 2, that hold together for `comparisons` means at 95%."""
    quantile = NormalDist().inv_cdf(1 - LEVEL / 2 / comparisons)
    n, mean = len(samples), float(samples.mean())
    if bounded:
        return _wilson(mean / 100, n, quantile)
    half = _students(quantile, n - 1) * float(samples.std(ddof=1)) / n**0.5
    return mean - half, mean + half


def _wilson(share: float, n: int, quantile: float) -> tuple[float, float]:
    """Wilson's (1927) interval of a share in [0, 1], in percent."""
    squared = quantile**2 / n
    centre = share + squared / 2
    half = quantile * (max(0.0, share * (1 - share)) / n + squared / 4 / n) ** 0.5
    low, high = (100 * bound / (1 + squared) for bound in (centre - half, centre + half))
    return max(0.0, low), min(100.0, high)


def _students(quantile: float, degrees: int) -> float:
    """Student's t at the normal `quantile`: the expansion of Abramowitz and Stegun, 26.7.5."""
    z, v = quantile, degrees
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return float(z + sum(term / v**power for power, term in enumerate(terms, start=1)))


def difference_bounds(
    high: tuple[float, tuple[float, float]], low: tuple[float, tuple[float, float]]
) -> tuple[float, float]:
    """The bounds of `high - low`, each a mean with its bounds (Newcombe 1998, method 10)."""
    (a, (a_low, a_high)), (b, (b_low, b_high)) = high, low
    difference = a - b
    return (
        difference - ((a - a_low) ** 2 + (b_high - b) ** 2) ** 0.5,
        difference + ((a_high - a) ** 2 + (b - b_low) ** 2) ** 0.5,
    )


def chance_of_differences(samples: _Floats, slices: NDArray[np.int64], shuffles: int = SHUFFLES) -> float:
    """How likely chance alone makes some slice deviate as much from the mean of all as the one that deviates most.

    Args:
        samples: one for each example, `[n]`.
        slices: the number of each example's slice, from 0 and without gaps, `[n]`.
        shuffles: how often the slices are shuffled among the examples.

    Returns:
        A probability of at least 1 / (shuffles + 1); 1 with a single slice, or equal samples.
    """
    counts = np.bincount(slices)
    if len(counts) < 2 or np.ptp(samples) < _ROUNDING:
        return 1.0
    centred = samples - samples.mean()
    scale = float(centred.std()) * np.sqrt(1 / counts - 1 / len(samples))

    def largest(labels: NDArray[np.int64]) -> float:
        return float((np.abs(np.bincount(labels, weights=centred) / counts) / scale).max())

    found, rng = largest(slices) - _ROUNDING, np.random.default_rng(0)
    return (1 + sum(largest(rng.permutation(slices)) >= found for _ in range(shuffles))) / (1 + shuffles)
