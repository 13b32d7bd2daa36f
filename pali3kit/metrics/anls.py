"""ANLS, the average normalised Levenshtein similarity (Biten et al. 2019): DocVQA, InfographicVQA, ST-VQA.

The score of a question is 1 - distance / length for the answer that is most similar, or 0 below one half. Evaluations
differ in details, and each of `VARIANTS` is one of them:

* `rrc`, of the Robust Reading Competition: lower case, single spaces; the length is that of the strings as they are,
  in capitals ("ß" is two); a similarity of exactly one half counts.
* `mmf`, which papers on ST-VQA use: lower case, outer spaces dropped; the length is that of the strings so cleaned.
* `big_vision`, of PaliGemma: lower case alone; a similarity of exactly one half counts 0; an empty answer is met by an
  empty prediction alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pali3kit.errors import DataError, choose
from pali3kit.metrics.base import QuestionMean, Scores
from pali3kit.metrics.inputs import require_texts

THRESHOLD = 0.5


def anls(predictions: Sequence[str], answers: Sequence[Sequence[str]], *, variant: str = "rrc") -> Scores:
    """Mean ANLS in [0, 1], and that of each question, from predictions and the answers to each question.

    Two empty texts are equal, as for `rrc`; the code of `mmf` divides by zero there.

    Raises DataError for an unknown variant, and where lengths differ or a question has no answer.
    """
    if variant not in VARIANTS:
        raise DataError(f"ANLS has no variant '{variant}'.{choose(variant, VARIANTS)}")
    require_texts(predictions, answers, "ANLS", "question")
    similarity = VARIANTS[variant]
    scores = [
        max(similarity(text, answer) for answer in known) for text, known in zip(predictions, answers, strict=True)
    ]
    return sum(scores) / len(scores), scores


def _rrc(prediction: str, answer: str) -> float:
    distance = _edit_distance(" ".join(prediction.lower().split()), " ".join(answer.lower().split()))
    similarity = 1 - distance / max(len(prediction.upper()), len(answer.upper()), 1)
    return similarity if similarity >= THRESHOLD else 0.0


def _mmf(prediction: str, answer: str) -> float:
    prediction, answer = prediction.lower().strip(), answer.lower().strip()
    similarity = 1 - _edit_distance(prediction, answer) / max(len(prediction), len(answer), 1)
    return similarity if similarity >= THRESHOLD else 0.0


def _big_vision(prediction: str, answer: str) -> float:
    prediction, answer = prediction.lower(), answer.lower()
    if not answer:
        return float(not prediction)
    distance = _edit_distance(prediction, answer) / max(len(prediction), len(answer))
    return 1 - distance if distance < THRESHOLD else 0.0


VARIANTS: dict[str, Callable[[str, str], float]] = {"rrc": _rrc, "mmf": _mmf, "big_vision": _big_vision}


def _edit_distance(first: str, second: str) -> int:
    """Levenshtein distance, by the bit-parallel algorithm of Myers (1999) in Hyyrö's form (2003)."""
    if not first:
        return len(second)
    places: dict[str, int] = {}
    for place, sign in enumerate(first):
        places[sign] = places.get(sign, 0) | 1 << place
    ones, last = (1 << len(first)) - 1, 1 << (len(first) - 1)
    higher, lower, distance = ones, 0, len(first)  # columns' differences from row to row: +1 where `higher` has a bit
    for sign in second:
        equal = places.get(sign, 0)
        diagonal = (((equal & higher) + higher) ^ higher) | equal | lower
        right_higher, right_lower = lower | ~(diagonal | higher) & ones, higher & diagonal
        distance += bool(right_higher & last) - bool(right_lower & last)
        right_higher, right_lower = (right_higher << 1 | 1) & ones, right_lower << 1 & ones
        higher, lower = right_lower | ~(equal | lower | right_higher) & ones, right_higher & (equal | lower)
    return distance


class ANLS(QuestionMean):
    """ANLS in [0, 1] over batches; `variant` as in `anls`."""

    def __init__(self, variant: str = "rrc", **kwargs: object) -> None:
        super().__init__(partial(anls, variant=variant), **kwargs)
