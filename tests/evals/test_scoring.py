"""Which metric a benchmark has."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.data.task import Example
from pali3kit.declared.entry import Entry
from pali3kit.errors import DataError, RegistryError
from pali3kit.evals.scores import Answered, Scores
from pali3kit.evals.scoring import score
from pali3kit.evals.texts import score_answers, score_captions
from pali3kit.registry import METRIC

ANSWERS = ["a red cat", "two"]
EXAMPLES = [Example((i,), "", text, (text, "a cat")) for i, text in enumerate(ANSWERS)]


class Spaced:
    """A source whose words end where it says."""

    def tokenized(self, text: str, language: str) -> str:
        return " ".join(text)


@pytest.mark.parametrize("column", ["vqa", "vqa_text", "vqa_knowledge"])
def test_questions_have_vqa_accuracy(column: str) -> None:
    source: Any = Spaced()
    assert (
        score(column, Answered(EXAMPLES, ANSWERS, source, None, 9)).samples == score_answers(EXAMPLES, ANSWERS).samples
    )


def test_captions_have_cider() -> None:
    source: Any = Spaced()
    assert (
        score("caption", Answered(EXAMPLES, ANSWERS, source, None, 9)).value == score_captions(EXAMPLES, ANSWERS).value
    )


def test_captions_in_many_languages_are_spaced_by_the_source() -> None:
    source: Any = Spaced()
    answers = ["a red cat", "two", "ein Hund", "zwei"]
    spaced = [Example((i,), "", "", (" ".join(text),), "en" if i < 2 else "de") for i, text in enumerate(answers)]
    found = score("caption_multilingual", Answered(spaced, answers, source, None, 9))
    english = score_captions(spaced[:2], [" ".join(text) for text in answers[:2]])
    assert found.extra["en"] == english.value > 0


def test_regions_need_a_mask_tokenizer() -> None:
    source: Any = Spaced()
    with pytest.raises(DataError, match="regions are scored with the mask tokenizer: there is none"):
        score("refer_g", Answered(EXAMPLES, ANSWERS, source, None, 9))


def test_an_unknown_benchmark_is_an_error_and_never_vqa_accuracy() -> None:
    source: Any = Spaced()
    with pytest.raises(RegistryError, match=r"^unknown benchmark 'vqa_txt'\. Did you mean 'vqa_text'\?$"):
        score("vqa_txt", Answered(EXAMPLES, ANSWERS, source, None, 9))


def test_a_benchmark_without_a_metric_is_not_scored_by_another() -> None:
    """Its score is not of generated answers."""
    source: Any = Spaced()
    with pytest.raises(RegistryError, match="unknown metric ''"):
        score("probe", Answered(EXAMPLES, ANSWERS, source, None, 9))


def test_a_plug_ins_metric_gets_what_ours_get(add_benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Answered] = []

    def anls(answered: Answered) -> Scores:
        seen.append(answered)
        return Scores(12.5, [0.0, 25.0])

    METRIC.names()
    monkeypatch.setitem(METRIC._entries, "anls", Entry("anls", anls))
    add_benchmark("docvqa", metric="anls")
    source: Any = Spaced()
    asked = Answered(EXAMPLES, ANSWERS, source, None, 9)
    assert score("docvqa", asked).value == 12.5 and seen == [asked]


def test_there_is_an_answer_and_a_score_for_every_example(add_benchmark: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    source: Any = Spaced()
    for column in ("caption", "caption_multilingual", "vqa"):
        with pytest.raises(DataError, match="needs one prediction per example: 1 for 2 examples"):
            score(column, Answered(EXAMPLES, ANSWERS[:1], source, None, 9))
    METRIC.names()
    add_benchmark("docvqa", metric="anls")
    for scores in (Scores(12.5, [12.5]), Scores(float("nan"), [0.0, 25.0])):
        monkeypatch.setitem(METRIC._entries, "anls", Entry("anls", lambda answered, scores=scores: scores))
        with pytest.raises(DataError, match=r"metric 'anls' tells (12.5|nan) of [12] samples on 2 examples"):
            score("docvqa", Answered(EXAMPLES, ANSWERS, source, None, 9))
