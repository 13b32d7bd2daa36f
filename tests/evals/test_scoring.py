"""Which metric a benchmark has."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.data.task import Example
from pali3kit.errors import DataError
from pali3kit.evals.scores import Answered
from pali3kit.evals.scoring import score
from pali3kit.evals.texts import score_answers, score_captions

ANSWERS = ["a red cat", "two"]
EXAMPLES = [Example(i, "", text, (text, "a cat")) for i, text in enumerate(ANSWERS)]


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
    spaced = [Example(i, "", "", (" ".join(text),), "en" if i < 2 else "de") for i, text in enumerate(answers)]
    found = score("caption_multilingual", Answered(spaced, answers, source, None, 9))
    english = score_captions(spaced[:2], [" ".join(text) for text in answers[:2]])
    assert found.extra["en"] == english.value > 0


def test_regions_need_a_mask_tokenizer() -> None:
    source: Any = Spaced()
    with pytest.raises(DataError, match="regions are scored with the mask tokenizer: there is none"):
        score("refer_g", Answered(EXAMPLES, ANSWERS, source, None, 9))
