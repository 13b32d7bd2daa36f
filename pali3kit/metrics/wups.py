"""WUPS, the Wu-Palmer similarity of short answers (Malinowski and Fritz 2014), as NExT-QA's open-ended task scores it.

Texts are lemmatised, and lose their stop words. Of each word of one text the most similar word of the other counts, by
the first synset of each in WordNet; similarities below a threshold count a tenth. The score of a text is the product
over its words, without those that are similar to none, and that of an answer the lower of both directions.

The official scorer lemmatises by a tagger's parts of speech; `text.wordnet` does without one. On the predictions that
NExT-OE ships for its test split this gives 24.14, where a run of the official script gave 24.01.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import partial

from pali3kit.metrics.base import QuestionMean, Scores
from pali3kit.metrics.inputs import require_pairs, require_texts
from pali3kit.text.wordnet import lemma, split_words, wu_palmer

EXACT_TYPES = ("DC", "DB")
"""NExT-QA's questions for a count, or for yes or no, whose answers are right or wrong."""
_STOP_WORDS = """
    i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it
    its itself they them their theirs themselves what which who whom this that these those am is are was were be been
    being have has had having do does did doing a an the and but if or because as until while to from of at for with
    about into through during again further then here there when where why how all any each most other some such only
    own so than too very s t can will just don should now d ll m o re ve y ain aren couldn didn doesn hadn hasn haven
    isn ma mightn mustn needn shan shouldn wasn weren won wouldn
"""
"""NExT-OE's list, without the words with an apostrophe, which splitting at words never leaves whole."""
STOP_WORDS = frozenset(_STOP_WORDS.split())


def wups(
    predictions: Sequence[str],
    answers: Sequence[Sequence[str]],
    *,
    threshold: float = 0.0,
    types: Sequence[str] | None = None,
) -> Scores:
    """Mean WUPS in [0, 1], and that of each question, whose best answer counts.

    Args:
        predictions: one for each question.
        answers: to each question.
        threshold: below it a similarity counts a tenth; 0 gives the WUPS that is published for NExT-QA.
        types: of the questions, as NExT-QA has them; those of `EXACT_TYPES` score 1 for an equal answer, else 0.

    Raises:
        DataError: NLTK or WordNet is missing, lengths differ, or a question has no answer.
    """
    require_texts(predictions, answers, "WUPS", "question")
    kinds = [""] * len(predictions) if types is None else types
    require_pairs(kinds, predictions, "types of WUPS", "question")
    scores = [
        max(_similarity(_clean(text), _clean(answer), threshold, kind in EXACT_TYPES) for answer in known)
        for text, known, kind in zip(predictions, answers, kinds, strict=True)
    ]
    return sum(scores) / len(scores), scores


def _clean(text: str) -> list[str]:
    """Lemmas without stop words."""
    return [each for each in map(lemma, split_words(text)) if each not in STOP_WORDS]


def _similarity(one: Sequence[str], other: Sequence[str], threshold: float, exact: bool) -> float:
    if exact:
        return float(one == other)
    return min(_one_way(one, other, threshold), _one_way(other, one, threshold))


def _one_way(words: Sequence[str], others: Sequence[str], threshold: float) -> float:
    """The product over `words` of the similarity to the most similar of `others`, where there is any."""
    best = [max((_thresholded(word, other, threshold) for other in others), default=0.0) for word in words]
    similar = [each for each in best if each > 0]
    return math.prod(similar) if similar else 0.0


def _thresholded(word: str, other: str, threshold: float) -> float:
    found = wu_palmer(word, other)
    return found if found >= threshold else 0.1 * found


class WUPS(QuestionMean):
    """WUPS in [0, 1] over batches; `threshold` as in `wups`."""

    def __init__(self, threshold: float = 0.0, **kwargs: object) -> None:
        super().__init__(partial(wups, threshold=threshold), **kwargs)
        self._threshold = threshold

    def update(
        self, predictions: Sequence[str], answers: Iterable[Sequence[str]], types: Sequence[str] | None = None
    ) -> None:
        """Add predictions, the answers to each of their questions and, where there are any, the questions' types."""
        self._score = partial(wups, threshold=self._threshold, types=types)
        super().update(predictions, answers)
