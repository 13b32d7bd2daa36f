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
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import chain
from typing import NamedTuple

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities.data import dim_zero_cat

from pali3kit.errors import DataError
from pali3kit.metrics.ptb import ptb_tokenize

Tokenize = Callable[[Sequence[str]], list[list[str]]]
Ngram = tuple[str, ...]
ORDERS = (1, 2, 3, 4)
SIGMA = 6.0


def whitespace(captions: Sequence[str]) -> list[list[str]]:
    """Splits captions that are already tokenized, such as Crossmodal-3600's `caption/tokenized`."""
    return [caption.split() for caption in captions]


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
    corpus = references if document_frequency is None else document_frequency
    if len(predictions) != len(references):
        raise DataError(f"CIDEr needs one prediction per image: {len(predictions)} for {len(references)} images.")
    if empty := [i for i, captions in enumerate(references) if not captions]:
        raise DataError(f"CIDEr needs a reference for every image; image {empty[0]} of {len(references)} has none.")
    if len(corpus) < 2:
        raise DataError(
            f"CIDEr of {len(corpus)} image is 0 whatever is predicted: an n-gram's weight is log(images / images "
            "with it). Score more images together, or give their references as document_frequency."
        )
    hypotheses = [_ngrams(tokens) for tokens in tokenize(predictions)]
    sets = _reference_ngrams(references, tokenize)
    corpus_sets = sets if document_frequency is None else _reference_ngrams(document_frequency, tokenize)
    frequency = Counter(chain.from_iterable(set().union(*counts) for counts in corpus_sets))
    scores = [_score(h, refs, frequency, len(corpus)) for h, refs in zip(hypotheses, sets, strict=True)]
    return sum(scores) / len(scores), scores


class _Vector(NamedTuple):
    """tf-idf weights and their norm for each order of n-gram, and the caption's length in bigrams."""

    weights: tuple[dict[Ngram, float], ...]
    norms: tuple[float, ...]
    bigrams: int


def _ngrams(tokens: Sequence[str]) -> Counter[Ngram]:
    """Counts of the 1- to 4-grams of a caption."""
    return Counter(tuple(tokens[i : i + n]) for n in ORDERS for i in range(len(tokens) - n + 1))


def _reference_ngrams(sets: Sequence[Sequence[str]], tokenize: Tokenize) -> list[list[Counter[Ngram]]]:
    """N-gram counts of each reference of each image; all captions are tokenized in one call, in order."""
    counts = map(_ngrams, tokenize(list(chain.from_iterable(sets))))
    return [[next(counts) for _ in captions] for captions in sets]


def _vector(counts: Counter[Ngram], frequency: Counter[Ngram], images: int) -> _Vector:
    weights: tuple[dict[Ngram, float], ...] = tuple({} for _ in ORDERS)
    for ngram, count in counts.items():
        idf = math.log(images) - math.log(max(1, frequency[ngram]))
        weights[len(ngram) - 1][ngram] = count * idf
    norms = tuple(math.sqrt(sum(w * w for w in order.values())) for order in weights)
    return _Vector(weights, norms, sum(count for ngram, count in counts.items() if len(ngram) == 2))


def _score(hypothesis: Counter[Ngram], references: list[Counter[Ngram]], df: Counter[Ngram], images: int) -> float:
    """Ten times the similarity of one caption with its references, averaged over references and orders."""
    h = _vector(hypothesis, df, images)
    return 10 * sum(_similarity(h, _vector(r, df, images)) for r in references) / len(references)


def _similarity(h: _Vector, r: _Vector) -> float:
    """Clipped cosine averaged over the orders, with the Gaussian penalty of the difference in length."""
    total = 0.0
    for hyp, ref, h_norm, r_norm in zip(h.weights, r.weights, h.norms, r.norms, strict=True):
        if h_norm and r_norm:
            total += sum(min(w, ref[g]) * ref[g] for g, w in hyp.items() if g in ref) / (h_norm * r_norm)
    return total / len(ORDERS) * math.exp(-((h.bigrams - r.bigrams) ** 2) / (2 * SIGMA**2))


class CIDEr(Metric):
    """CIDEr-D of all captions seen since the last reset: it needs the whole set, so it keeps the texts.

    They are kept as bytes, one JSON line an image, which every backend can gather over ranks.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True
    lines: list[Tensor]

    def __init__(
        self,
        tokenize: Tokenize = ptb_tokenize,
        document_frequency: Sequence[Sequence[str]] | None = None,
        **kwargs: object,
    ) -> None:
        super().__init__(**kwargs)
        self.tokenize, self.document_frequency = tokenize, document_frequency
        self.add_state("lines", [], dist_reduce_fx="cat")

    def update(self, predictions: Sequence[str], references: Iterable[Sequence[str]]) -> None:
        """Adds captions and the references of each of their images."""
        rows = [json.dumps([p, list(r)]) + "\n" for p, r in zip(predictions, references, strict=True)]
        self.lines.append(torch.tensor(list("".join(rows).encode()), dtype=torch.uint8, device=self.device))

    def compute(self) -> Tensor:
        """Scalar: the corpus score, on the scale of `cider`."""
        rows = [json.loads(line) for line in bytes(dim_zero_cat(self.lines).tolist()).splitlines()]
        predictions, references = [row[0] for row in rows], [row[1] for row in rows]
        score, _ = cider(predictions, references, tokenize=self.tokenize, document_frequency=self.document_frequency)
        return torch.tensor(score, dtype=torch.float64)
