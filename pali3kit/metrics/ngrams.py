"""N-grams of tokenized texts, counted over a whole corpus at once: what CIDEr and BLEU compare."""

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
    """Splits captions that are already tokenized, such as Crossmodal-3600's `caption/tokenized`."""
    return [caption.split() for caption in captions]


class Grams(NamedTuple):
    """How often each n-gram is in each text, int64 `[K]` each: by the number of the text, then of the n-gram.

    There are `size` different n-grams in all texts.
    """

    texts: Ints
    grams: Ints
    counts: Ints
    size: int

    def of(self, first: int, last: int) -> Grams:
        """Those of the texts from `first` to `last`, numbered from 0."""
        start, stop = np.searchsorted(self.texts, (first, last))
        return Grams(self.texts[start:stop] - first, self.grams[start:stop], self.counts[start:stop], self.size)


class Matches(NamedTuple):
    """The n-grams that texts share with their references: rows of the `Grams` of either."""

    texts: Ints
    references: Ints


def lengths_of(texts: Sequence[Sequence[str]]) -> Ints:
    """Tokens of each text."""
    return np.fromiter(map(len, texts), np.int64, len(texts))


def count_ngrams(texts: Sequence[Sequence[str]]) -> Iterator[Grams]:
    """The n-grams of tokenized texts, of one word, two, three and four."""
    lengths = lengths_of(texts)
    known = {token: number for number, token in enumerate(dict.fromkeys(chain.from_iterable(texts)))}
    tokens = np.fromiter(map(known.__getitem__, chain.from_iterable(texts)), np.int64, int(lengths.sum()))
    text_of = np.repeat(np.arange(len(texts)), lengths)
    size, first = max(1, len(known)), np.arange(len(tokens))  # where n-grams begin, and which they are
    grams = tokens
    for order in ORDERS:
        if order > 1:
            last = first + order - 1
            whole = last < len(tokens)
            whole[whole] = text_of[first[whole]] == text_of[last[whole]]
            first, last = first[whole], last[whole]
            pairs = grams[whole] * max(1, len(known)) + tokens[last]
            different, grams = np.unique(pairs, return_inverse=True)
            size = max(1, len(different))
        keys, counts = distinct(text_of[first] * size + grams)
        yield Grams(keys // size, keys % size, counts, size)


def distinct(keys: Ints) -> tuple[Ints, Ints]:
    """Different keys, rising, and how often each is there. Much faster than NumPy's `unique` where they nearly rise."""
    keys = np.sort(keys, kind="stable")
    new = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    return keys[new], np.diff(new, append=len(keys))


def match(texts: Grams, references: Grams, starts: Ints, numbers: Ints) -> Matches:
    """Which n-grams of text i are in which of its references, those from `starts[i]` on, `numbers[i]` of them."""
    repeats = numbers[texts.texts]
    rows = np.repeat(np.arange(len(texts.texts)), repeats)
    turns = np.arange(len(rows)) - np.repeat(repeats.cumsum() - repeats, repeats)
    wanted = (starts[texts.texts[rows]] + turns) * texts.size + texts.grams[rows]
    keys = references.texts * references.size + references.grams
    places = np.searchsorted(keys, wanted)
    places[places == len(keys)] = 0
    found = keys[places] == wanted if len(keys) else np.zeros(len(wanted), np.bool_)
    return Matches(rows[found], places[found])
