"""BLEU-4 (Papineni et al. 2002) and ROUGE-L (Lin 2004) of captions, equal to pycocoevalcap 1.2, which papers report.

Quirks of that implementation which are kept:
* BLEU sums counts over all images before it multiplies the precisions. An image's reference length is the one nearest
  to the caption's, the shorter of two. Tiny constants are added, so that no precision is 0 / 0.
* ROUGE-L takes the best precision and the best recall over the references, perhaps of two different ones. A caption
  without words counts as one empty word, which matches a reference without words.

One is not kept: in ROUGE-L a no-break space inside a token (of a telephone number, say) ends a word here, as in CIDEr.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
from numpy.typing import NDArray

from pali3kit.metrics.inputs import require_texts
from pali3kit.metrics.ngrams import ORDERS, Ints, NgramCounts, Tokenize, lengths_of
from pali3kit.metrics.ptb import ptb_tokenize

SMALL, TINY = 1e-9, 1e-15
BETA = 1.2  # weight of recall relative to precision in ROUGE-L


def bleu(
    predictions: Sequence[str], references: Sequence[Sequence[str]], *, tokenize: Tokenize = ptb_tokenize
) -> tuple[float, list[float]]:
    """BLEU-4 in [0, 1] of one caption per image: of the corpus, and of each image.

    Arguments are those of `metrics.cider`. Raises DataError where lengths differ, or an image has no reference.
    """
    require_texts(predictions, references, "BLEU", "image")
    images, numbers = len(predictions), lengths_of(references)
    texts = tokenize(predictions) + tokenize(list(chain.from_iterable(references)))
    lengths, starts = lengths_of(texts), numbers.cumsum() - numbers
    length, closest = lengths[:images], _closest(lengths[:images], lengths[images:], numbers)
    matched = np.zeros((len(ORDERS), images))
    for order, grams in enumerate(NgramCounts.of_texts(texts)):
        candidate, reference = grams.select_texts(0, images), grams.select_texts(images, len(texts))
        rows, reference_rows = candidate.match(reference, starts, numbers)
        largest = np.zeros(len(candidate.counts), np.int64)  # count of each n-gram in any one reference
        np.maximum.at(largest, rows, reference.counts[reference_rows])
        matched[order] = np.bincount(candidate.texts, np.minimum(largest, candidate.counts), images)
    total = np.maximum(length - np.arange(len(ORDERS))[:, None], 0)
    sums = matched.sum(1, keepdims=True), total.sum(1, keepdims=True), length.sum()[None], closest.sum()[None]
    (corpus,) = _bleu(*sums)
    return float(corpus), _bleu(matched, total, length, closest).tolist()


def _closest(lengths: Ints, reference_lengths: Ints, numbers: Ints) -> Ints:
    """The length among each image's references that is nearest to its caption's; the shorter of two."""
    owners = np.repeat(np.arange(len(lengths)), numbers)
    order = np.lexsort((reference_lengths, np.abs(reference_lengths - lengths[owners]), owners))
    return reference_lengths[order[numbers.cumsum() - numbers]]


def _bleu(matched: NDArray[np.float64], total: Ints, length: Ints, closest: Ints) -> NDArray[np.float64]:
    """BLEU of N texts from their matched and total n-grams `[4,N]`, lengths and reference lengths `[N]`."""
    precision: NDArray[np.float64] = ((matched + TINY) / (total + SMALL)).prod(0) ** (1 / len(ORDERS))
    ratio = (length + TINY) / (closest + SMALL)
    return precision * np.exp(np.minimum(0, 1 - 1 / ratio))


def rouge_l(
    predictions: Sequence[str], references: Sequence[Sequence[str]], *, tokenize: Tokenize = ptb_tokenize
) -> tuple[float, list[float]]:
    """ROUGE-L in [0, 1] of one caption per image: the mean, and the score of each image.

    Arguments are those of `metrics.cider`. Raises DataError where lengths differ, or an image has no reference.
    """
    require_texts(predictions, references, "ROUGE-L", "image")
    tokenized = iter(tokenize(list(chain.from_iterable(references))))
    scores = [
        _rouge_l(candidate or [""], [next(tokenized) or [""] for _ in each])
        for candidate, each in zip(tokenize(predictions), references, strict=True)
    ]
    return float(np.mean(scores)), scores


def _rouge_l(candidate: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    common = [(_longest_common(candidate, reference), len(reference)) for reference in references]
    precision = max(length for length, _ in common) / len(candidate)
    recall = max(length / words for length, words in common)
    if not precision:
        return 0.0
    return (1 + BETA**2) * precision * recall / (recall + BETA**2 * precision)


def _longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence, by the bit-parallel algorithm of Hyyrö (2004)."""
    places: dict[str, int] = {}
    for place, word in enumerate(first):
        places[word] = places.get(word, 0) | 1 << place
    ones = (1 << len(first)) - 1
    rows = ones  # a 0 bit: the subsequence grows at this word of `first`
    for word in second:
        shared = rows & places.get(word, 0)
        rows = (rows + shared | rows - shared) & ones
    return len(first) - bin(rows).count("1")
