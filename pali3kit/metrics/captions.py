"""BLEU-4 (Papineni et al. 2002) and ROUGE-L (Lin 2004) of captions, equal to pycocoevalcap 1.2, which papers print.

Quirks kept:
* BLEU's counts are summed over all images before the precisions are multiplied; the reference length of an image is
  that nearest to the caption's, the shorter of two. Precisions are never 0 over 0: tiny numbers are added.
* ROUGE-L takes the best precision and the best recall over the references, which may be of two different ones. A
  caption without words is one empty word, and finds itself in a reference without words.

One is not kept: in ROUGE-L a hard space inside a token, of a telephone number say, ends a word here, as for CIDEr.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pali3kit.metrics.inputs import require_texts
from pali3kit.metrics.ngrams import ORDERS, Ints, Tokenize, count_ngrams, lengths_of, match
from pali3kit.metrics.ptb import ptb_tokenize

SMALL, TINY = 1e-9, 1e-15
BETA = 1.2  # how much more recall counts than precision


def bleu(
    predictions: Sequence[str], references: Sequence[Sequence[str]], *, tokenize: Tokenize = ptb_tokenize
) -> tuple[float, list[float]]:
    """BLEU-4 in [0, 1] of one caption for each image: that of the corpus, and that of each image.

    Arguments are those of `metrics.cider`. Raises DataError where lengths differ, or an image has no reference.
    """
    require_texts(predictions, references, "BLEU", "image")
    images, numbers = len(predictions), lengths_of(references)
    texts = tokenize(predictions) + tokenize(list(chain.from_iterable(references)))
    lengths, starts = lengths_of(texts), numbers.cumsum() - numbers
    said, closest = lengths[:images], _closest(lengths[:images], lengths[images:], numbers)
    right = np.zeros((len(ORDERS), images))
    for order, grams in enumerate(count_ngrams(texts)):
        candidates, known = grams.of(0, images), grams.of(images, len(texts))
        in_said, in_known = match(candidates, known, starts, numbers)
        most = np.zeros(len(candidates.counts), np.int64)
        np.maximum.at(most, in_said, known.counts[in_known])
        right[order] = np.bincount(candidates.texts, np.minimum(most, candidates.counts), images)
    made = np.maximum(said - np.arange(len(ORDERS))[:, None], 0)
    (corpus,) = _bleu(right.sum(1, keepdims=True), made.sum(1, keepdims=True), said.sum()[None], closest.sum()[None])
    return float(corpus), _bleu(right, made, said, closest).tolist()


def _closest(said: Ints, known: Ints, numbers: Ints) -> Ints:
    """The length among each image's references that is nearest to its caption's; of two the shorter one."""
    owners = np.repeat(np.arange(len(said)), numbers)
    order = np.lexsort((known, np.abs(known - said[owners]), owners))
    return known[order[numbers.cumsum() - numbers]]


def _bleu(right: NDArray[np.float64], made: Ints, said: Ints, closest: Ints) -> NDArray[np.float64]:
    """From the right n-grams and those that were made, `[4,N]`, and the lengths, `[N]`."""
    scores: NDArray[np.float64] = ((right + TINY) / (made + SMALL)).prod(0) ** (1 / len(ORDERS))
    ratio = (said + TINY) / (closest + SMALL)
    return scores * np.exp(np.minimum(0, 1 - 1 / ratio))


def rouge_l(
    predictions: Sequence[str], references: Sequence[Sequence[str]], *, tokenize: Tokenize = ptb_tokenize
) -> tuple[float, list[float]]:
    """ROUGE-L in [0, 1] of one caption for each image: the mean, and that of each image.

    Arguments are those of `metrics.cider`. Raises DataError where lengths differ, or an image has no reference.
    """
    require_texts(predictions, references, "ROUGE-L", "image")
    known = iter(tokenize(list(chain.from_iterable(references))))
    scores = [
        _rouge_l(said or [""], [next(known) or [""] for _ in each])
        for said, each in zip(tokenize(predictions), references, strict=True)
    ]
    return float(np.mean(scores)), scores


def _rouge_l(said: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    common = [(longest_common(said, known), len(known)) for known in references]
    precision = max(length for length, _ in common) / len(said)
    recall = max(length / words for length, words in common)
    if not precision:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """The length of the longest common subsequence, a bit for each word of `first` (Hyyrö 2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    whole = (1 << len(first)) - 1
    rest = whole  # a bit is 0 where the subsequence grows
    for word in second:
        shared = rest & places.get(word, 0)
        rest = (rest + shared | rest - shared) & whole
    return len(first) - bin(rest).count("1")
