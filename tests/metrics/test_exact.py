"""Exact matches in their variants, and TallyQA's number words."""

from __future__ import annotations

import pytest

from pali3kit.errors import DataError
from pali3kit.metrics import ExactAccuracy, exact_accuracy


@pytest.mark.parametrize(
    ("prediction", "answer", "right"),
    [
        ("fox", "fox", "exact exact_lower exact_stripped tallyqa"),
        ("Fox", "fox", "exact_lower exact_stripped"),
        (" fox ", "Fox", "exact_stripped"),
        ("fox.", "fox", ""),
        ("4", "4", "exact exact_lower exact_stripped tallyqa"),
        ("Four", "4", "tallyqa"),
        ("none", "0", "tallyqa"),
        ("zero", "0", "tallyqa"),
        ("TWENTY", "20", "tallyqa"),
        ("twenty one", "21", ""),
        ("twenty-one", "21", ""),
        ("2.", "2", ""),
        (" two", "2", ""),
        ("two", "two", "exact exact_lower exact_stripped tallyqa"),
        ("", "", "exact exact_lower exact_stripped tallyqa"),
    ],
)
def test_reference_values(prediction: str, answer: str, right: str) -> None:
    variants = ("exact", "exact_lower", "exact_stripped", "tallyqa")
    found = {name: exact_accuracy([prediction], [[answer]], variant=name)[0] for name in variants}
    assert found == {name: float(name in right.split()) for name in variants}


def test_any_answer_may_be_met_and_batches_are_averaged() -> None:
    predictions, answers = ["Two", "a"], [["3", "2"], ["b"]]
    assert exact_accuracy(predictions, answers, variant="tallyqa") == (0.5, [1.0, 0.0])
    metric = ExactAccuracy("tallyqa")
    metric.update(predictions[:1], answers[:1])
    metric.update(predictions[1:], answers[1:])
    assert metric.compute().item() == 0.5
    assert exact_accuracy(predictions, answers) == (0.0, [0.0, 0.0])


def test_what_cannot_be_scored_is_refused() -> None:
    with pytest.raises(DataError, match=r"^exact match has no variant 'exact_lowr'\. Did you mean 'exact_lower'\?$"):
        exact_accuracy(["a"], [["a"]], variant="exact_lowr")
    with pytest.raises(DataError, match="exact match of no questions is not defined"):
        exact_accuracy([], [])
