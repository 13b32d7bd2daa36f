"""Scores of texts: each evaluator is its metric on its examples."""

from __future__ import annotations

import pytest

from pali3kit.data.task import Example
from pali3kit.evals.texts import score_answers, score_captions, score_multilingual
from pali3kit.metrics.cider import cider


def examples(*references: tuple[str, ...], language: str = "en") -> list[Example]:
    return [Example(i, "", "", refs, language) for i, refs in enumerate(references)]


REFERENCES = (("a cat and a dog", "a dog and a cat"), ("a red bus", "the bus is red"), ("two birds", "a pair of birds"))


def test_captions_are_cider_times_100() -> None:
    predictions = ["a cat and a dog", "a bus", "a fish"]
    scores = score_captions(examples(*REFERENCES), predictions)
    value, samples = cider(predictions, REFERENCES)
    assert scores.value == pytest.approx(100 * value) and scores.samples == pytest.approx([100 * s for s in samples])
    assert scores.samples[0] > scores.samples[1] > scores.samples[2] == 0


def test_languages_are_scored_apart_and_the_other_ones_averaged() -> None:
    french = examples(("un chat et un chien",), ("un bus rouge et un vélo",), language="fr")
    german = examples(("eine Katze und ein Hund",), ("ein roter Bus und ein Rad",), language="de")
    english = examples(*REFERENCES[:2])
    predictions = ["a cat and a dog", "a bus", *(e.references[0] for e in french), "nichts", "gar nichts"]
    scores = score_multilingual([*english, *french, *german], predictions)
    assert scores.extra["languages"]["de"] == 0 < scores.extra["languages"]["fr"]
    assert scores.extra["avg35"] == pytest.approx(scores.extra["languages"]["fr"] / 2)
    assert scores.extra["en"] == scores.extra["languages"]["en"]
    assert len(scores.samples) == 6 and scores.samples[2] > 0 == scores.samples[4]


def test_answers_are_vqa_accuracy_in_percent() -> None:
    asked = examples(("red",) * 10, ("2",) * 2 + ("3",) * 8)
    assert score_answers(asked, ["red", "two"]).samples == pytest.approx([100.0, 100 * (2 * 1 / 3 + 8 * 2 / 3) / 10])
