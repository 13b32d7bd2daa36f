"""Exact matches: the share of predictions that equal an answer, in three named variants, and TallyQA's.

OCR-VQA is scored by `exact_lower`, in VLMEvalKit by `exact_stripped`; AI2D, MSR-VTT-QA and ActivityNet-QA by `exact`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pali3kit.errors import DataError, choose
from pali3kit.metrics.base import QuestionMean, Scores
from pali3kit.metrics.inputs import require_texts

_COUNTS = """
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
    eighteen nineteen twenty
"""
NUMBERS = {"none": "0"} | {word: str(number) for number, word in enumerate(_COUNTS.split())}


def exact_accuracy(predictions: Sequence[str], answers: Sequence[Sequence[str]], *, variant: str = "exact") -> Scores:
    """Share of exact matches in [0, 1], and 0 or 1 for each question; any of its answers may be met.

    Args:
        predictions: one for each question.
        answers: to each question.
        variant: `exact` compares texts as they are; `exact_lower` in lower case; `exact_stripped` in lower case without
            outer spaces; `tallyqa` after a text that is one number word, from "none" or "zero" to "twenty" in any case,
            became digits ("Two" is 2; "two." and "twenty one" stay).

    Raises:
        DataError: there is no such variant, lengths differ, or a question has no answer.
    """
    if variant not in VARIANTS:
        raise DataError(f"exact match has no variant '{variant}'.{choose(variant, VARIANTS)}")
    require_texts(predictions, answers, "exact match", "question")
    clean = VARIANTS[variant]
    scores = [float(clean(text) in map(clean, known)) for text, known in zip(predictions, answers, strict=True)]
    return sum(scores) / len(scores), scores


def _digits(text: str) -> str:
    return NUMBERS.get(text.lower(), text)


VARIANTS: dict[str, Callable[[str], str]] = {
    "exact": str,
    "exact_lower": str.lower,
    "exact_stripped": lambda text: text.strip().lower(),
    "tallyqa": _digits,
}


class ExactAccuracy(QuestionMean):
    """Share of exact matches in [0, 1] over batches; `variant` as in `exact_accuracy`."""

    def __init__(self, variant: str = "exact", **kwargs: object) -> None:
        super().__init__(partial(exact_accuracy, variant=variant), **kwargs)
