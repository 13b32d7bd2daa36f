"""Scores of texts: each evaluator is its metric on its examples."""

from __future__ import annotations

import pytest

from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.texts import FEW, ONE, score_answers, score_captions, score_multilingual
from pali3kit.metrics import bleu, cider, rouge_l


def examples(*references: tuple[str, ...], language: str = "en") -> list[Example]:
    return [Example((i,), "", "", refs, language) for i, refs in enumerate(references)]


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


def test_captions_have_bleu_and_rouge_beside() -> None:
    predictions = ["A cat, and a dog.", "a bus", "a fish isn't here"]
    scores = score_captions(examples(*REFERENCES), predictions)
    assert scores.extra == {
        "BLEU-4": pytest.approx(100 * bleu(predictions, REFERENCES)[0]),
        "ROUGE-L": pytest.approx(100 * rouge_l(predictions, REFERENCES)[0]),
    }
    assert scores.value == pytest.approx(100 * cider(predictions, REFERENCES)[0])


def languages(**counts: int) -> list[Example]:
    return [
        Example((number,), "", "", (f"a {number} b c d", f"e {number} f g h"), language)
        for language, count in counts.items()
        for number in range(count)
    ]


@pytest.mark.parametrize(
    ("counts", "parts"),
    [({"en": 3}, {"en"}), ({"de": 3, "fr": 2}, {"avg35"}), ({"en": 2, "de": 3}, {"en", "avg35"})],
)
def test_languages_that_are_not_there_have_no_column(counts: dict[str, int], parts: set[str]) -> None:
    asked = languages(**counts)
    scores = score_multilingual(asked, [example.references[0] for example in asked])
    assert set(scores.extra) == {*parts, "languages", "pictures"}
    assert scores.extra["pictures"] == counts and set(scores.extra["languages"]) == set(counts)
    assert scores.value > 0


@pytest.mark.parametrize(
    ("counts", "message"),
    [({}, "no captions in any language"), ({"en": 3, "th": 1}, "CIDEr of 1 picture is 0 whatever is said: 'th'")],
)
def test_languages_that_say_nothing_are_refused(counts: dict[str, int], message: str) -> None:
    asked = languages(**counts)
    with pytest.raises(DataError, match=message):
        score_multilingual(asked, [""] * len(asked))


def test_questions_that_one_person_answered_are_matched_exactly() -> None:
    """VQ2A, GQA: VQA accuracy would leave that person out."""
    asked = examples(("A cup.",), ("two",), ("red",), ("red",) * 3, ("red",) * 10)
    scores = score_answers(asked, ["a cup", "2", "rot", "red", "red"])
    assert scores.samples == pytest.approx([100, 100, 0, 200 / 3, 100])
    assert scores.value == pytest.approx(sum(scores.samples) / 5)
    assert scores.extra == {ONE: 3, FEW: 1}
    assert score_answers(examples(("red",) * 10), ["red"]).extra == {}


def test_an_answer_for_every_question() -> None:
    with pytest.raises(DataError, match="1 for 2 questions"):
        score_answers(examples(("red",), ("red",)), ["red"])
    with pytest.raises(DataError, match="question 1 of 2 has none"):
        score_answers(examples(("red",), ()), ["red", "red"])
