"""CIDEr-D (Vedantam et al. 2015, arXiv 1411.5726), equal to pycocoevalcap 1.2, which papers report.

Where that implementation differs from the paper's text:
* The length penalty counts bigrams, not words: a caption of one word is as short as an empty one.
* idf = log(number of images) - log(max(1, df)), where df counts the images whose references contain the n-gram. So a
  sample's score depends on the whole evaluated set, and on a single image every weight is log 1 - log 1 = 0.
* Clipping, min(h, r) r for hypothesis and reference, changes the dot product only, not the norms.
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
from pali3kit.metrics.inputs import require_texts
from pali3kit.metrics.ngrams import ORDERS, Ints, NgramCounts, Tokenize, lengths_of, whitespace
from pali3kit.metrics.ptb import ptb_tokenize

__all__ = ["CIDEr", "Tokenize", "cider", "whitespace"]

FEWEST = 2  # images; with one every weight is 0
SIGMA = 6.0


def cider(
    predictions: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    tokenize: Tokenize = ptb_tokenize,
    document_frequency: Sequence[Sequence[str]] | None = None,
) -> tuple[float, list[float]]:
    """CIDEr-D of one caption per image: the mean, and the score of each image. Papers report 100 times these.

    Args:
        predictions: one caption per image.
        references: the reference captions of each image, at least one.
        tokenize: captions to tokens: `ptb_tokenize` as in pycocoevalcap, or `whitespace`.
        document_frequency: the references of each image from which document frequencies and the number of images are
            taken; None takes `references`, as pycocoevalcap does. Pass the whole set's references when a part of the
            set is scored, so that scores are comparable.

    Raises:
        DataError: lengths differ, an image has no reference, or document frequencies come from fewer than two images.
    """
    corpus = references if document_frequency is None else document_frequency
    require_texts(predictions, references, "CIDEr", "image", corpus)
    if len(corpus) < FEWEST:
        raise DataError(
            f"CIDEr of {len(corpus)} image is 0 for any prediction: an n-gram's weight is log(images / images "
            "with it). Score more images together, or pass their references as document_frequency."
        )
    texts = tokenize(predictions) + tokenize(list(chain.from_iterable(references)))
    others = [] if document_frequency is None else tokenize(list(chain.from_iterable(document_frequency)))
    numbers = lengths_of(references)
    scores = _scores(texts + others, numbers, lengths_of(corpus) if others else None)
    return float(scores.mean()), scores.tolist()


def _scores(texts: Sequence[Sequence[str]], numbers: Ints, others: Ints | None) -> NDArray[np.float64]:
    """The score of each image. `texts` are tokenized: one caption per image, then `numbers[i]` references of image i.

    They may be followed by `others[j]` references of each image j from which document frequencies are taken.
    """
    images, references = len(numbers), int(numbers.sum())
    owners, starts = np.repeat(np.arange(images), numbers), numbers.cumsum() - numbers
    counted = numbers if others is None else others
    sets, first = np.repeat(np.arange(len(counted)), counted), images if others is None else images + references
    similar = np.zeros(references)
    for grams in NgramCounts.of_texts(texts):
        frequency = grams.select_texts(first, first + len(sets)).document_frequency(sets)
        idf = math.log(len(counted)) - np.log(np.maximum(1, frequency))
        hypothesis, reference = grams.select_texts(0, images), grams.select_texts(images, images + references)
        h, r = hypothesis.counts * idf[hypothesis.grams], reference.counts * idf[reference.grams]
        h_rows, r_rows = hypothesis.match(reference, starts, numbers)
        clipped = np.minimum(h[h_rows], r[r_rows]) * r[r_rows]
        dots = np.bincount(reference.texts[r_rows], clipped, references)
        norms = _norms(hypothesis, h, images)[owners] * _norms(reference, r, references)
        similar += np.divide(dots, norms, out=np.zeros(references), where=norms > 0)
    bigrams = np.maximum(lengths_of(texts[: images + references]) - 1, 0)
    difference = bigrams[:images][owners] - bigrams[images:]
    similar *= np.exp(-(difference**2) / (2 * SIGMA**2)) / len(ORDERS)
    return 10 * np.bincount(owners, similar, images) / numbers


def _norms(grams: NgramCounts, weights: NDArray[np.float64], texts: int) -> NDArray[np.float64]:
    """The L2 norm of each text's vector of n-gram weights."""
    return np.sqrt(np.bincount(grams.texts, weights**2, texts))


class CIDEr(GatheredMetric):
    """CIDEr-D of all captions since the last reset. The score needs the whole set, so the texts themselves are kept.

    They are kept as bytes, one JSON line per image, which every backend can gather over ranks.
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
        """Add captions and the references of each of their images; a batch may be empty."""
        references = list(references)
        if len(predictions) or references:
            require_texts(predictions, references, "CIDEr", "image")
        rows = "".join(json.dumps([p, list(r)]) + "\n" for p, r in zip(predictions, references, strict=True))
        self.keep("lines", torch.from_numpy(np.frombuffer(rows.encode(), np.uint8).copy()))

    def compute(self) -> Tensor:
        """Scalar: the corpus score, on the scale of `cider`; NaN for fewer than two images."""
        rows = [json.loads(line) for line in self.joined("lines").cpu().numpy().tobytes().splitlines()]
        predictions, references = [row[0] for row in rows], [row[1] for row in rows]
        corpus = references if self.document_frequency is None else self.document_frequency
        if not rows or len(corpus) < FEWEST:
            return torch.tensor(torch.nan, dtype=torch.float64)
        score, _ = cider(predictions, references, tokenize=self.tokenize, document_frequency=self.document_frequency)
        return torch.tensor(score, dtype=torch.float64)
