"""N-grams of tokenized texts, counted over a whole corpus at once, for CIDEr and BLEU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Tokenize = Callable[[Sequence[str]], list[list[str]]]
Ints = NDArray[np.int64]
ORDERS = (1, 2, 3, 4)


def whitespace(captions: Sequence[str]) -> list[list[str]]:
    """Split captions that are already tokenized, such as Crossmodal-3600's `caption/tokenized`."""
    return [caption.split() for caption in captions]


class NgramCounts(NamedTuple):
    """How often each n-gram occurs in each text: a sparse matrix in coordinates, sorted by text, then n-gram.

    Attributes:
        texts: int64 `[K]`, rows: indices of texts.
        grams: int64 `[K]`, columns: indices of n-grams.
        counts: int64 `[K]`, above 0.
        size: the number of distinct n-grams in the corpus.
    """

    texts: Ints
    grams: Ints
    counts: Ints
    size: int

    @staticmethod
    def of_texts(texts: Sequence[Sequence[str]]) -> Iterator[NgramCounts]:
        """The unigrams, bigrams, trigrams and 4-grams of tokenized texts."""
        lengths = lengths_of(texts)
        vocabulary = {token: number for number, token in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
        tokens = np.fromiter(map(vocabulary.__getitem__, chain.from_iterable(texts)), np.int64, int(lengths.sum()))
        text_of = np.repeat(np.arange(len(texts)), lengths)
        size, grams = max(1, len(vocabulary)), tokens  # numbers of n-grams
        first = np.arange(len(tokens))  # where they begin
        for order in ORDERS:
            if order > 1:  # an n-gram is an (n-1)-gram and the token that follows it in the same text
                last = first + order - 1
                whole = last < len(tokens)
                whole[whole] = text_of[first[whole]] == text_of[last[whole]]
                first, last = first[whole], last[whole]
                pairs = grams[whole] * max(1, len(vocabulary)) + tokens[last]
                different, grams = np.unique(pairs, return_inverse=True)
                size = max(1, len(different))
            keys, counts = _count_distinct(text_of[first] * size + grams)
            yield NgramCounts(keys // size, keys % size, counts, size)

    def select_texts(self, first: int, last: int) -> NgramCounts:
        """The rows of the texts `first` to `last` (excluded), renumbered from 0."""
        start, stop = np.searchsorted(self.texts, (first, last))
        return NgramCounts(self.texts[start:stop] - first, self.grams[start:stop], self.counts[start:stop], self.size)

    def document_frequency(self, documents: Ints) -> Ints:
        """In how many documents each n-gram occurs, `[size]`; text i belongs to `documents[i]`."""
        pairs, _ = _count_distinct(documents[self.texts] * self.size + self.grams)
        return np.bincount(pairs % self.size, minlength=self.size)

    def match(self, references: NgramCounts, starts: Ints, numbers: Ints) -> tuple[Ints, Ints]:
        """Match the entries of each text with those of its references that have the same n-gram.

        The references of text i are the texts `starts[i]` to `starts[i] + numbers[i]` (excluded) of `references`.
        Returns two arrays of equal length: indices of entries of `self`, and of the matching entries of `references`.
        """
        repeats = numbers[self.texts]
        rows = np.repeat(np.arange(len(self.texts)), repeats)
        offsets = np.arange(len(rows)) - np.repeat(repeats.cumsum() - repeats, repeats)
        wanted = (starts[self.texts[rows]] + offsets) * self.size + self.grams[rows]
        keys = references.texts * references.size + references.grams
        places = np.searchsorted(keys, wanted)
        places[places == len(keys)] = 0
        found = keys[places] == wanted if len(keys) else np.zeros(len(wanted), np.bool_)
        return rows[found], places[found]


def lengths_of(texts: Sequence[Sequence[str]]) -> Ints:
    """The number of tokens of each text."""
    return np.fromiter(map(len, texts), np.int64, len(texts))


def _count_distinct(keys: Ints) -> tuple[Ints, Ints]:
    """Sorted distinct keys and their counts; on nearly sorted keys much faster than `np.unique`."""
    keys = np.sort(keys, kind="stable")
    new = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    return keys[new], np.diff(new, append=len(keys))
