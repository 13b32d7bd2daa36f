"""TextVQA's accuracy as its EvalAI server and MMF compute it (Singh et al. 2019).

It differs from VQA accuracy (`metrics.vqa`) in two ways: texts are always normalised, also where all annotators agree,
and before that put in lower case, without commas and question marks, with a space before "'s".
"""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.metrics.base import QuestionMean, Scores
from pali3kit.metrics.inputs import require_texts
from pali3kit.metrics.vqa import leave_one_out, normalize_answer, strip_spaces


def textvqa_accuracy(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> Scores:
    """Mean accuracy in [0, 1], and that of each question, from predictions and the (ten) answers to each question.

    Raises DataError where lengths differ, there are no questions, or one of them has fewer than two answers.
    """
    require_texts(predictions, answers, "TextVQA accuracy", "question")
    scores = [
        leave_one_out(_normalize(text), [_normalize(answer) for answer in known])
        for text, known in zip(predictions, answers, strict=True)
    ]
    return sum(scores) / len(scores), scores


def _normalize(text: str) -> str:
    text = text.lower().replace(",", "").replace("?", "").replace("'s", " 's").strip()
    return normalize_answer(strip_spaces(text))


class TextVQAAccuracy(QuestionMean):
    """TextVQA's accuracy in [0, 1] over batches."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(textvqa_accuracy, **kwargs)
