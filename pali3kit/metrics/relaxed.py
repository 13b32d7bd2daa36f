"""Relaxed accuracy of ChartQA (Masry et al. 2022) as Pix2Struct computes it; there is no official code.

Its quirks are part of published numbers, and kept:
* Years are numbers too: 2008 is right for 2010. "25" is wrong for "25%", which is 0.25.
* Numbers are what Python's `float` reads: "1e3", " 12 " and "nan", but neither "1,000" nor "$5".
* Where the answer is 0, or one of both is no number, texts are compared in lower case: "0.0" is wrong for "0".
"""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.metrics.base import QuestionMean, Scores
from pali3kit.metrics.inputs import require_texts

TOLERANCE = 0.05  # relative to the answer, inclusive


def relaxed_accuracy(predictions: Sequence[str], answers: Sequence[Sequence[str]]) -> Scores:
    """Mean relaxed accuracy in [0, 1], and 0 or 1 for each question; any of its answers may be met.

    Raises DataError where lengths differ, or a question has no answer.
    """
    require_texts(predictions, answers, "relaxed accuracy", "question")
    scores = [
        float(any(_is_near(text, answer) for answer in known)) for text, known in zip(predictions, answers, strict=True)
    ]
    return sum(scores) / len(scores), scores


def _is_near(prediction: str, answer: str) -> bool:
    found, wanted = _number(prediction), _number(answer)
    if found is None or not wanted:
        return prediction.lower() == answer.lower()
    return abs(found - wanted) / abs(wanted) <= TOLERANCE


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None


class RelaxedAccuracy(QuestionMean):
    """Relaxed accuracy in [0, 1] over batches."""

    def __init__(self, **kwargs: object) -> None:
        super().__init__(relaxed_accuracy, **kwargs)
