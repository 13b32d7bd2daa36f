"""CIDEr-D (Vedantam et al. 2015, arXiv 1411.5726), equal to pycocoevalcap 1.2, whose quirks are part of the metric.

Quirks kept, against the paper's text:
* The length penalty counts bigrams, not words: a caption of one word is as short as an empty one.
* idf = log(number of images) - log(max(1, df)), where df counts images whose set of references has the n-gram. So the
  score of a sample depends on the whole evaluated set, and on a single image every weight is log 1 - log 1 = 0.
* Only the n-grams that hypothesis and reference share are clipped, min(h, r) r; the norms are not.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from itertools import chain
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pali3kit.errors import DataError
from pali3kit.metrics.base import GatheredMetric
from pali3kit.metrics.inputs import require_references, require_texts
from pali3kit.metrics.ngrams import ORDERS, Grams, Ints, Tokenize, count_ngrams, distinct, lengths_of, match, whitespace
from pali3kit.metrics.ptb import ptb_tokenize

__all__ = ["CIDEr", "Tokenize", "cider", "whitespace"]

FEWEST = 2  # images: of one alone every weight is 0
SIGMA = 6.0


def cider(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenize: Tokenize = ptb_tokenize,
    document_frequency: Sequence[Sequence[str]] | None = None,
) -> tuple[float, list[float]]:
    """CIDEr-D of one caption for each image: the mean, and the score of each image. Papers print 100 times these.

    Args:
        predictions: one caption for each image.
        references: the reference captions of each image, at least one.
        tokenize: captions to tokens; `ptb_tokenize` as pycocoevalcap does it, or `whitespace`.
        document_frequency: reference sets, one for each image, that n-grams' document frequencies and the number of
            images are taken from; None takes `references`, as pycocoevalcap does. Give the whole set's
            references to score a part of it comparably.

    Raises:
        DataError: lengths differ, an image has no reference, or document frequencies are of fewer than two images.
    """
    require_texts(predictions, references, "CIDEr", "image")
    corpus = references if document_frequency is None else document_frequency
    require_references(corpus, "CIDEr", "image")
    if len(corpus) < FEWEST:
        raise DataError(
            f"CIDEr of {len(corpus)} image is 0 whatever is predicted: an n-gram's weight is log(images / images "
            "with it). Score more images together, or give their references as document_frequency."
        )
    texts = tokenize(predictions) + tokenize(list(chain.from_iterable(references)))
    others = [] if document_frequency is None else tokenize(list(chain.from_iterable(document_frequency)))
    numbers = lengths_of(references)
    scores = _scores(texts + others, numbers, lengths_of(corpus) if others else None)
    return float(scores.mean()), scores.tolist()


def _scores(texts: Sequence[Sequence[str]], numbers: Ints, others: Ints | None) -> NDArray[np.float64]:
    """The score of each image, from tokenized texts: one caption for each, then `numbers[i]` references of image i.

    After these may come `others[j]` references of each image j that document frequencies are taken from.
    """
    images, references = len(numbers), int(numbers.sum())
    owners, starts = np.repeat(np.arange(images), numbers), numbers.cumsum() - numbers
    counted = numbers if others is None else others
    sets, first = np.repeat(np.arange(len(counted)), counted), images if others is None else images + references
    similar = np.zeros(references)
    for grams in count_ngrams(texts):
        rarity = _rarity(grams.of(first, first + len(sets)), sets, len(counted))
        said, known = grams.of(0, images), grams.of(images, images + references)
        said_weights, known_weights = said.counts * rarity[said.grams], known.counts * rarity[known.grams]
        in_said, in_known = match(said, known, starts, numbers)
        shared = np.minimum(said_weights[in_said], known_weights[in_known]) * known_weights[in_known]
        dots = np.bincount(known.texts[in_known], shared, references)
        norms = _norms(said, said_weights, images)[owners] * _norms(known, known_weights, references)
        similar += np.divide(dots, norms, out=np.zeros(references), where=norms > 0)
    bigrams = np.maximum(lengths_of(texts[: images + references]) - 1, 0)
    apart = bigrams[:images][owners] - bigrams[images:]
    similar *= np.exp(-(apart**2) / (2 * SIGMA**2)) / len(ORDERS)
    return 10 * np.bincount(owners, similar, images) / numbers


def _rarity(grams: Grams, sets: Ints, images: int) -> NDArray[np.float64]:
    """The idf of each n-gram: `sets` says which image a text is a reference of."""
    found, _ = distinct(sets[grams.texts] * grams.size + grams.grams)
    frequency = np.bincount(found % grams.size, minlength=grams.size)
    rarity: NDArray[np.float64] = math.log(images) - np.log(np.maximum(1, frequency))
    return rarity


def _norms(grams: Grams, weights: NDArray[np.float64], texts: int) -> NDArray[np.float64]:
    """The length of each text's vector."""
    return np.sqrt(np.bincount(grams.texts, weights**2, texts))


class CIDEr(GatheredMetric):
    """CIDEr-D of all captions seen since the last reset: it needs the whole set, so it keeps the texts.

    They are kept as bytes, one JSON line an image, which every backend can gather over ranks.
    """

    is_differentiable = False
    higher_is_better = True
    kept: ClassVar = {"lines": torch.uint8}

    def __init__(
        self,
        tokenize: Tokenize = ptb_tokenize,
        document_frequency: Sequence[Sequence[str]] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.tokenize, self.document_frequency = tokenize, document_frequency

    def update(self, predictions: Sequence[str], references: Iterable[Sequence[str]]) -> None:
        """Adds captions and the references of each of their images; there may be none."""
        known = list(references)
        if len(predictions) or known:
            require_texts(predictions, known, "CIDEr", "image")
        rows = "".join(json.dumps([p, list(r)]) + "\n" for p, r in zip(predictions, known, strict=True))
        self.keep("lines", torch.from_numpy(np.frombuffer(rows.encode(), np.uint8).copy()))

    def compute(self) -> Tensor:
        """Scalar: the corpus score, on the scale of `cider`; NaN of so few images that none is defined."""
        rows = [json.loads(line) for line in self.joined("lines").cpu().numpy().tobytes().splitlines()]
        predictions, references = [row[0] for row in rows], [row[1] for row in rows]
        corpus = references if self.document_frequency is None else self.document_frequency
        if not rows or len(corpus) < FEWEST:
            return torch.tensor(torch.nan, dtype=torch.float64)
        score, _ = cider(predictions, references, tokenize=self.tokenize, document_frequency=self.document_frequency)
        return torch.tensor(score, dtype=torch.float64)
