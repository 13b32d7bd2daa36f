"""Intervals over seeds and samples, paired differences, and the verdict against the paper.

Three seeds or more: Student's t over the seeds, which covers the noise of training.
Fewer: a bootstrap over the test samples within each seed, which does not cover it and is labelled so.
Everything is deterministic: the resampling has a fixed seed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pali3kit.errors import StageError
from pali3kit.evals.scores import EvalResult

Verdict = Literal["follows", "does not", "undecided"]
Method = Literal["t over seeds", "bootstrap over samples", "none"]

SEEDS_FOR_T = 3
RESAMPLES = 2000
TIE = 0.5
EQUAL = 2.0

# 97.5% quantiles of Student's t for 1..30 degrees of freedom, then at 40, 60, 120 and infinity
# (any statistics textbook; the largest step between neighbours beyond 30 is 1%).
_T975 = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
    2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
    2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272,
)  # fmt: skip
_T975_BEYOND = ((40, 2.021075), (60, 2.000298), (120, 1.979930))


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean with its 95% interval. `n` counts the test samples of one seed, `seeds` the repetitions.

    With `method` "none" (one seed, no samples) `low` and `high` equal `mean`.
    """

    mean: float
    low: float
    high: float
    n: int
    seeds: int
    method: Method


def _t_quantile(degrees: int) -> float:
    """Return the 97.5% quantile of Student's t. Beyond 30 degrees: the tabulated value below, so slightly wide."""
    if degrees < 1:
        raise ValueError(f"Student's t needs at least 1 degree of freedom, not {degrees}")
    if degrees <= len(_T975):
        return _T975[degrees - 1]
    return next((value for bound, value in reversed(_T975_BEYOND) if degrees >= bound), _T975[-1])


def interval(scores: Mapping[int, EvalResult]) -> Interval:
    """Return mean and 95% interval of one column of one cell; `scores` leads from seed to score."""
    values = np.array([score.value for score in scores.values()], np.float64)
    return _interval(values, [np.asarray(score.samples, np.float64) for score in scores.values()])


def delta(scores: Mapping[int, EvalResult], baseline: Mapping[int, EvalResult]) -> Interval:
    """Return `scores - baseline` over the seeds that both have, paired by seed and by sample.

    Raises StageError when no seed is common, or when the samples of a seed cannot be paired.
    """
    seeds = sorted(scores.keys() & baseline.keys())
    if not seeds:
        raise StageError(f"no common seed: {sorted(scores)} against {sorted(baseline)}.")
    for seed in seeds:
        ours, theirs = len(scores[seed].samples), len(baseline[seed].samples)
        if ours != theirs:
            raise StageError(f"seed {seed}: {ours} samples cannot be paired with the baseline's {theirs}.")
    values = np.array([scores[seed].value - baseline[seed].value for seed in seeds], np.float64)
    samples = [np.subtract(scores[seed].samples, baseline[seed].samples, dtype=np.float64) for seed in seeds]
    return _interval(values, samples)


def verdict(measured: Interval, paper: float) -> Verdict:
    """Say whether a measured difference follows the paper's (both in points, SigLIP minus Classif).

    The paper has a direction (`|paper| >= 0.5`): "follows" when the whole 95% interval lies on the paper's side
    of zero, "does not" when the whole interval lies on the other side, else "undecided".
    The paper has none: "follows" when the whole interval lies within 2 points of zero, "does not" when
    it excludes zero, else "undecided". Without an interval ("none") nothing is decided.
    Only the direction is judged: sizes at a small scale are not comparable with the paper's.
    """
    if measured.method == "none":
        return "undecided"
    if abs(paper) < TIE:
        if measured.low > -EQUAL and measured.high < EQUAL:
            return "follows"
        return "undecided" if measured.low <= 0 <= measured.high else "does not"
    low, high = (measured.low, measured.high) if paper > 0 else (-measured.high, -measured.low)
    if low > 0:
        return "follows"
    return "does not" if high < 0 else "undecided"


def _interval(values: NDArray[np.float64], samples: list[NDArray[np.float64]]) -> Interval:
    """Choose the method by the number of seeds. `values` [S] per seed, `samples` S arrays [N]."""
    if values.size == 0:
        raise StageError("no seed has a score.")
    mean, seeds, n = float(values.mean()), values.size, min(len(one) for one in samples)
    if seeds >= SEEDS_FOR_T:
        half = _t_quantile(seeds - 1) * float(values.std(ddof=1)) / seeds**0.5
        return Interval(mean, mean - half, mean + half, n, seeds, "t over seeds")
    if n < 2:
        return Interval(mean, mean, mean, n, seeds, "none")
    errors = np.mean([_bootstrap_errors(one) for one in samples], axis=0)
    low, high = (float(bound) for bound in np.quantile(errors, (0.025, 0.975)))
    return Interval(mean, mean + low, mean + high, n, seeds, "bootstrap over samples")


def _bootstrap_errors(samples: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return [RESAMPLES] deviations of a resampled mean from the mean.

    Seeds measured on the same test set draw the same samples: the question is how another test set
    would change the mean over seeds, and resampling each seed apart would understate that.
    """
    generator, n = np.random.default_rng(0), len(samples)
    means = [float(samples[generator.integers(0, n, n)].mean()) for _ in range(RESAMPLES)]
    return np.array(means, np.float64) - np.full(RESAMPLES, samples.mean(), np.float64)
