from __future__ import annotations

import numpy as np
import pytest

from pali3kit.errors import StageError
from pali3kit.evals.scores import EvalResult
from pali3kit.report.statistics import Interval, _t_quantile, delta, interval, verdict


def measured(low, high, method="t over seeds"):
    return Interval((low + high) / 2, low, high, 100, 3, method)


@pytest.mark.parametrize(("degrees", "value"), [(1, 12.706), (2, 4.303), (9, 2.262), (30, 2.042), (60, 2.000)])
def test_t_table(degrees, value):
    assert _t_quantile(degrees) == pytest.approx(value, abs=5e-4)


def test_t_between_table_rows_is_never_too_narrow():
    scipy = pytest.importorskip("scipy.stats")
    for degrees in range(1, 300):
        exact = scipy.t.ppf(0.975, degrees)
        assert exact - 1e-6 <= _t_quantile(degrees) <= exact * 1.012, degrees
    with pytest.raises(ValueError):
        _t_quantile(0)


def test_three_seeds_give_a_t_interval_of_the_values():
    result = interval({0: EvalResult(10.0, [1, 2]), 1: EvalResult(12.0, [1, 2]), 2: EvalResult(14.0, [1, 2])})
    half = 4.302653 * 2.0 / 3**0.5
    assert (result.mean, result.seeds, result.n, result.method) == (12.0, 3, 2, "t over seeds")
    assert result.low == pytest.approx(12.0 - half) and result.high == pytest.approx(12.0 + half)


def test_one_seed_gives_the_bootstrap_of_its_samples():
    samples = np.random.default_rng(1).normal(50.0, 10.0, 400)
    result = interval({0: EvalResult(float(samples.mean()), samples)})
    assert result.method == "bootstrap over samples"
    half = 1.96 * samples.std() / 20
    assert result.low == pytest.approx(result.mean - half, abs=0.1)
    assert result.high == pytest.approx(result.mean + half, abs=0.1)
    assert result == interval({0: EvalResult(float(samples.mean()), samples)})


def test_the_interval_is_centred_on_the_value_not_on_the_samples_mean():
    result = interval({0: EvalResult(70.0, [0.0, 100.0] * 50)})
    assert result.mean == 70.0 and result.low < 70.0 < result.high


def test_without_samples_there_is_no_interval():
    assert interval({0: EvalResult(7.0)}) == Interval(7.0, 7.0, 7.0, 0, 1, "none")
    with pytest.raises(StageError, match="no seed"):
        interval({})


def test_pairing_removes_what_both_arms_share():
    rng = np.random.default_rng(0)
    difficulty = rng.normal(50.0, 30.0, 300)
    ours, theirs = difficulty + 1.0 + rng.normal(0, 1, 300), difficulty
    paired = delta({0: EvalResult(ours.mean(), ours)}, {0: EvalResult(theirs.mean(), theirs)})
    alone = interval({0: EvalResult(ours.mean(), ours)})
    assert paired.low > 0.8 and paired.high < 1.2
    assert alone.high - alone.low > 10 * (paired.high - paired.low)


def test_deltas_pair_seed_by_seed_and_ignore_the_others():
    ours = {seed: EvalResult(10.0 * seed + 1.0, [1.0] * 4) for seed in (0, 1, 2, 5)}
    theirs = {seed: EvalResult(10.0 * seed, [0.0] * 4) for seed in (0, 1, 2, 7)}
    result = delta(ours, theirs)
    assert (result.mean, result.low, result.high, result.seeds) == (1.0, 1.0, 1.0, 3)


def test_what_cannot_be_paired_is_refused():
    with pytest.raises(StageError, match="no common seed"):
        delta({0: EvalResult(1.0)}, {1: EvalResult(1.0)})
    with pytest.raises(StageError, match="seed 0: 2 samples cannot be paired with the baseline's 3"):
        delta({0: EvalResult(1.0, [1, 2])}, {0: EvalResult(1.0, [1, 2, 3])})


@pytest.mark.parametrize(
    ("result", "paper", "expected"),
    [
        (measured(1, 3), 5.0, "follows"),
        (measured(1, 3), -5.0, "does not"),
        (measured(-3, -1), -5.0, "follows"),
        (measured(-3, -1), 5.0, "does not"),
        (measured(-1, 3), 5.0, "undecided"),
        (measured(-1, 3), -5.0, "undecided"),
        (measured(-1, 1.9), 0.2, "follows"),
        (measured(0.1, 1.9), -0.2, "follows"),
        (measured(-1, 3), -0.2, "undecided"),
        (measured(1, 3), -0.2, "does not"),
        (measured(2, 2, "none"), 5.0, "undecided"),
    ],
)
def test_verdict(result, paper, expected):
    assert verdict(result, paper) == expected
