"""The arguments and results of evaluations."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from pali3kit.data.task import Example
from pali3kit.evals.scores import Answered, EvalResult


def test_further_numbers_and_details_are_optional_and_not_shared() -> None:
    one, other = EvalResult(1.0, [1.0]), EvalResult(2.0, [2.0])
    assert one.extra is not other.extra and (dict(one.extra), list(one.details)) == ({}, [])


def test_scores_do_not_change() -> None:
    scores: Any = EvalResult(1.0, [1.0])
    with pytest.raises(FrozenInstanceError):
        scores.value = 2.0


@pytest.mark.parametrize(
    ("hits", "value", "samples"),
    [
        ([True, False, True, True], 75.0, [100.0, 0.0, 100.0, 100.0]),
        ([0.5, 1.0], 75.0, [50.0, 100.0]),
        ([0], 0.0, [0.0]),
    ],
)
def test_hits_are_percent(hits: list[float], value: float, samples: list[float]) -> None:
    found = EvalResult.of_hits("top1", np.array(hits))
    assert (found.name, found.value, found.n) == ("top1", value, len(hits))
    assert found.samples == samples


def test_a_measured_number_is_the_mean_of_its_parts() -> None:
    found = EvalResult.of_hits("real", np.array([1, 0, 0]))
    assert found.value == pytest.approx(np.mean(found.samples)) == pytest.approx(100 / 3)


def test_a_metric_knows_all_that_it_may_need() -> None:
    """A metric has one argument, so that all are called in the same way."""
    source: Any = object()
    answered = Answered([Example((0,), "?", "a")], ["a"], source, None, 9)
    assert answered.source is source and answered.masks is None and answered.bins == 9
    assert [example.target for example in answered.examples] == answered.answers
