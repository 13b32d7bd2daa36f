"""Relaxed accuracy: every reference value."""

from __future__ import annotations

import pytest

from pali3kit.errors import DataError
from pali3kit.metrics import RelaxedAccuracy, relaxed_accuracy


@pytest.mark.parametrize(
    ("target", "prediction", "right"),
    [
        ("100", "105", True),
        ("100", "105.01", False),
        ("2010", "2008", True),
        ("2010", "1900", False),
        ("25%", "0.25", True),
        ("25%", "25", False),
        ("25", "25%", False),
        ("0", "0", True),
        ("0", "0.0", False),
        ("Yes", "yes", True),
        ("Yes", "yes.", False),
        ("1,000", "1,000", True),
        ("1,000", "1000", False),
        ("-5", "-5.2", True),
        ("-5", "5", False),
        ("3", "three", False),
        ("nan", "nan", False),
        ("1000", "1e3", True),
        ("12", " 12 ", True),
        ("5", "$5", False),
        ("inf", "inf", False),
        ("0%", "0", False),
        ("0%", "0%", True),
        ("5 %", "0.05", True),
        ("50%%", "0.5", True),
    ],
)
def test_reference_values(target: str, prediction: str, right: bool) -> None:
    assert relaxed_accuracy([prediction], [[target]]) == (float(right), [float(right)])


def test_any_answer_may_be_met_and_batches_are_averaged() -> None:
    predictions, answers = ["7", "no", "95"], [["1", "7"], ["yes"], ["100"]]
    assert relaxed_accuracy(predictions, answers) == (pytest.approx(2 / 3), [1.0, 0.0, 1.0])
    metric = RelaxedAccuracy()
    metric.update(predictions[:2], answers[:2])
    metric.update(predictions[2:], answers[2:])
    assert metric.compute().item() == pytest.approx(2 / 3)


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(DataError, match="relaxed accuracy needs one prediction per question: 1 for 2 questions"):
        relaxed_accuracy(["1"], [["1"], ["2"]])
