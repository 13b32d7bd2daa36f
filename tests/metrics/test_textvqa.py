"""TextVQA's accuracy, which normalises always, beside VQA's, which does where annotators differ."""

from __future__ import annotations

import pytest

from pali3kit.errors import DataError
from pali3kit.metrics import TextVQAAccuracy, textvqa_accuracy, vqa_accuracy


@pytest.mark.parametrize(("matching", "score"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (10, 1.0)])
def test_leave_one_out(matching: int, score: float) -> None:
    answers = ["2"] * matching + ["other"] * (10 - matching)
    assert textvqa_accuracy(["Two"], [answers])[0] == pytest.approx(score)


@pytest.mark.parametrize(
    ("prediction", "answer", "textvqa", "vqa"),
    [
        ("Coca Cola", "coca-cola", 1.0, 0.0),
        ("McDonald's", "mcdonald 's", 1.0, 0.0),
        ("what?", "what", 1.0, 0.0),
        ("1,000", "1000", 1.0, 0.0),
        ("a,b", "ab", 1.0, 0.0),
        ("stop", "stop", 1.0, 1.0),
        ("go", "stop", 0.0, 0.0),
    ],
)
def test_it_normalises_also_where_all_annotators_agree(
    prediction: str, answer: str, textvqa: float, vqa: float
) -> None:
    assert textvqa_accuracy([prediction], [[answer] * 10])[0] == textvqa
    assert vqa_accuracy([prediction], [[answer] * 10])[0] == vqa


def test_both_agree_on_mcdonalds_where_annotators_differ() -> None:
    answers = ["McDonald's"] * 9 + ["mcdonald's"]
    assert textvqa_accuracy(["mcdonald's"], [answers]) == vqa_accuracy(["mcdonald's"], [answers]) == (1.0, [1.0])


def test_the_metric_equals_the_function_over_updates() -> None:
    predictions, answers = ["a dog", "x"], [["dog"] * 9 + ["cat"], ["y"] * 10]
    metric = TextVQAAccuracy()
    metric.update(predictions[:1], answers[:1])
    metric.update(predictions[1:], answers[1:])
    assert metric.compute().item() == pytest.approx(textvqa_accuracy(predictions, answers)[0]) == pytest.approx(0.5)


def test_one_annotator_is_too_few() -> None:
    with pytest.raises(DataError, match="at least 2 answers"):
        textvqa_accuracy(["x"], [["x"]])
