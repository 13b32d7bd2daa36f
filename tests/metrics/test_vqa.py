import json
from pathlib import Path

import pytest

from pali3kit.errors import DataError
from pali3kit.metrics.vqa import VQAAccuracy, answer_score, normalize_answer, vqa_accuracy

OFFICIAL = json.loads((Path(__file__).parent / "data" / "vqa_official.json").read_text(encoding="utf-8"))


def test_normalisation_equals_the_official_code_on_random_strings():
    wrong = [
        (text, normalize_answer(text), truth)
        for text, truth in OFFICIAL["normalized"]
        if normalize_answer(text) != truth
    ]
    assert not wrong and len(OFFICIAL["normalized"]) > 400


def test_scores_equal_the_official_code_on_random_questions():
    ours = [100 * answer_score(q["prediction"], q["answers"]) for q in OFFICIAL["scores"]]
    theirs = [q["percent"] for q in OFFICIAL["scores"]]
    assert ours == pytest.approx(theirs, abs=0.00501)  # the official score is rounded to two decimals
    assert {round(s) for s in theirs} == {0, 30, 60, 90, 100}


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("The red, big dog!", "red big dog"),
        ("black/white", "black white"),
        ("black / white", "black white"),
        ("1,000", "1000"),
        ("1,000 dogs/cats", "1000 dogscats"),  # a digit comma anywhere deletes all signs
        ("3.5", "3.5"),
        ("5.", "5"),
        ("a.m.", "am"),
        ("Ten dogs", "10 dogs"),
        ("none", "0"),
        ("isnt", "isn't"),
        ("somebody'd", "somebodyd"),
        ("." * 40, "." * 8),  # only 32 points are dropped
    ],
)
def test_quirks(text, clean):
    assert normalize_answer(text) == clean


@pytest.mark.parametrize(("matching", "score"), [(0, 0.0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1.0), (9, 1.0)])
def test_leave_one_out(matching, score):
    assert answer_score("two", ["2"] * matching + ["other"] * (10 - matching)) == pytest.approx(score)


def test_answers_are_normalised_only_where_annotators_differ():
    assert answer_score("Yes", ["yes"] * 10) == 0.0
    assert answer_score("Yes", ["yes"] * 9 + ["no"]) == 1.0
    assert answer_score(" yes\n", ["yes"] * 10) == 1.0


def test_the_metric_equals_the_function_over_updates():
    predictions, answers = ["a dog", "2", "x"], [["dog"] * 9 + ["cat"], ["two"] * 2 + ["3"] * 8, ["y"] * 10]
    score, each = vqa_accuracy(predictions, answers)
    assert each == pytest.approx([1.0, 0.6, 0.0])
    metric = VQAAccuracy()
    metric.update(predictions[:1], answers[:1])
    metric.update(predictions[1:], answers[1:])
    assert metric.compute().item() == pytest.approx(score)


def test_too_few_answers_or_questions_are_refused():
    with pytest.raises(DataError, match="at least 2 answers"):
        answer_score("x", ["x"])
    with pytest.raises(DataError, match="no questions"):
        vqa_accuracy([], [])
