"""Constrained decoding of regions: which tokens may follow, so that every answer is a valid box and mask."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from pali3kit.errors import DataError
from pali3kit.masks.codec import CODES_PER_MASK, PALI, RegionFormat
from pali3kit.text.tokenizer import Tokenizer

COORDINATES = 4


class RegionGrammar:
    """A constraint for `generate`, under which `regions.read` can parse every complete answer (paper.md §4.1).

    An answer is y0 x0 y1 x1, integers below `bins` with y0 < y1 and x0 < x1 in the tokenizer's own tokens, then 16 mask
    tokens, then EOS. The model chooses freely among such answers.

    Args:
        tokenizer: one with mask tokens.
        regions: how regions are written, `masks.codec.PALIGEMMA` for instance.

    Raises:
        DataError: a mask token written with this format is not one token of the tokenizer.
    """

    def __init__(self, tokenizer: Tokenizer, regions: RegionFormat = PALI) -> None:
        self.bins, self.vocabulary, self.eos = regions.bins, len(tokenizer), tokenizer.eos_id
        self.codes = [_single(tokenizer, regions.code.format(code)) for code in range(tokenizer.codes)]
        numbers = [regions.number.format(n) for n in range(regions.bins)]
        before = len(tokenizer.encode(numbers[0]))
        self._first = _NumberTrie.build(tokenizer.encode(number) for number in numbers)
        self._later = _NumberTrie.build(tokenizer.encode(numbers[0] + regions.separator + n)[before:] for n in numbers)

    def __call__(self, ids: Tensor) -> Tensor:
        """From ids so far `[R,t]` to the mask `[R,V]` of ids that may follow."""
        mask = torch.zeros(len(ids), self.vocabulary, dtype=torch.bool)
        for allowed, row in zip(mask, ids.tolist(), strict=True):
            allowed[self._next(row)] = True
        return mask.to(ids.device)

    def _next(self, row: Sequence[int]) -> list[int]:
        """The ids that may follow `row`; EOS if it is not the beginning of a region."""
        numbers: list[int] = []
        node = self._first
        for place, token in enumerate(row):
            if token in node.children:
                node = node.children[token]
                continue
            numbers.append(node.value)
            if len(numbers) == COORDINATES:
                return self.codes if len(row) - place < CODES_PER_MASK else [self.eos]
            if token not in self._later.children:
                return [self.eos]  # not a region: a beam of probability 0
            node = self._later.children[token]
        following = list(self._continuations(node, numbers))
        if node.is_number and self._fits(node.value, node.value, numbers):
            following += self._after([*numbers, node.value])
        return following

    def _after(self, numbers: list[int]) -> Iterable[int]:
        return self.codes if len(numbers) == COORDINATES else self._continuations(self._later, numbers)

    def _continuations(self, node: _NumberTrie, numbers: list[int]) -> Iterator[int]:
        """The tokens after `node` that still lead to a valid coordinate after `numbers`."""
        return (token for token, child in node.children.items() if self._fits(child.low, child.high, numbers))

    def _fits(self, low: int, high: int, numbers: list[int]) -> bool:
        """Whether a number of `low` to `high` is a valid next coordinate: y0 and x0 leave room for y1 and x1 above."""
        return low < self.bins - 1 if len(numbers) < 2 else high > numbers[-2]


def _single(tokenizer: Tokenizer, word: str) -> int:
    ids = tokenizer.encode(word)
    if len(ids) != 1:
        raise DataError(f"{tokenizer.path}: {word} is not a token of this vocabulary, so it cannot express regions")
    return ids[0]


@dataclass(slots=True)
class _NumberTrie:
    """A node of a trie of the tokens of numbers: those below it are from `low` to `high`; `value` is the number whose
    tokens end here, or -1.
    """

    children: dict[int, _NumberTrie] = field(default_factory=dict)
    value: int = -1
    low: int = 0
    high: int = -1

    @property
    def is_number(self) -> bool:
        """Whether the tokens of a number end here."""
        return self.value >= 0

    @classmethod
    def build(cls, numbers: Iterable[Sequence[int]]) -> _NumberTrie:
        """The root of the trie of the tokens of 0, 1, 2 and so on."""
        root = cls()
        for value, tokens in enumerate(numbers):
            node = root
            for token in tokens:
                node = node.children.setdefault(token, cls(low=value))
                node.high = value
            node.value = value
        return root
