"""Answers that are regions: which tokens may follow, so that every answer can be read as a box and a mask."""

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
    """The constraint of `generate` under which `regions.read` can read every whole answer (paper.md §4.1).

    An answer is y0 x0 y1 x1 as whole numbers below `bins` with y0 < y1 and x0 < x1, each in the tokens that the
    tokenizer writes it in, then 16 mask tokens, then the end. Nothing else is decided: among these the model chooses.

    Args:
        tokenizer: any with mask tokens.
        regions: how regions are written, `masks.codec.PALIGEMMA` for instance.

    Raises:
        DataError: a mask token in this format is no token of the tokenizer's.
    """

    def __init__(self, tokenizer: Tokenizer, regions: RegionFormat = PALI) -> None:
        self.bins, self.vocabulary, self.eos = regions.bins, len(tokenizer), tokenizer.eos_id
        self.codes = [_single(tokenizer, regions.code.format(code)) for code in range(tokenizer.codes)]
        numbers = [regions.number.format(n) for n in range(regions.bins)]
        before = len(tokenizer.encode(numbers[0]))
        self._first = Number.tree(tokenizer.encode(number) for number in numbers)
        self._later = Number.tree(tokenizer.encode(numbers[0] + regions.separator + n)[before:] for n in numbers)

    def __call__(self, ids: Tensor) -> Tensor:
        """Ids so far `[R,t]` to the mask `[R,V]` of those that may follow."""
        mask = torch.zeros(len(ids), self.vocabulary, dtype=torch.bool)
        for allowed, row in zip(mask, ids.tolist(), strict=True):
            allowed[self._next(row)] = True
        return mask.to(ids.device)

    def _next(self, row: Sequence[int]) -> list[int]:
        """The ids that may follow `row`; its end, where it is no region's beginning."""
        numbers: list[int] = []
        at = self._first
        for place, token in enumerate(row):
            if token in at.longer:
                at = at.longer[token]
                continue
            numbers.append(at.value)
            if len(numbers) == COORDINATES:
                return self.codes if len(row) - place < CODES_PER_MASK else [self.eos]
            if token not in self._later.longer:
                return [self.eos]  # no region: a beam without a chance
            at = self._later.longer[token]
        follow = list(self._fitting(at, numbers))
        if at.whole and self._fits(at.value, at.value, numbers):
            follow += self._after([*numbers, at.value])
        return follow

    def _after(self, numbers: list[int]) -> Iterable[int]:
        return self.codes if len(numbers) == COORDINATES else self._fitting(self._later, numbers)

    def _fitting(self, at: Number, numbers: list[int]) -> Iterator[int]:
        """The tokens after which `at` can still become a coordinate that fits behind `numbers`."""
        return (token for token, longer in at.longer.items() if self._fits(longer.low, longer.high, numbers))

    def _fits(self, low: int, high: int, numbers: list[int]) -> bool:
        """Whether one of `low` to `high` is room for a far side, or beyond its near side."""
        return low < self.bins - 1 if len(numbers) < 2 else high > numbers[-2]


def _single(tokenizer: Tokenizer, word: str) -> int:
    ids = tokenizer.encode(word)
    if len(ids) != 1:
        raise DataError(f"{tokenizer.path}: {word} is no token of this vocabulary, so regions cannot be written in it")
    return ids[0]


@dataclass(slots=True)
class Number:
    """The first tokens of some numbers, from `low` to `high`; `value` is the one that is `whole` with these alone."""

    longer: dict[int, Number] = field(default_factory=dict)
    value: int = -1
    low: int = 0
    high: int = -1

    @property
    def whole(self) -> bool:
        """Whether these tokens are a number already."""
        return self.value >= 0

    @classmethod
    def tree(cls, numbers: Iterable[Sequence[int]]) -> Number:
        """The root of the tokens of 0, 1, 2 and so on."""
        root = cls()
        for value, tokens in enumerate(numbers):
            at = root
            for token in tokens:
                at = at.longer.setdefault(token, cls(low=value))
                at.high = value
            at.value = value
        return root
