"""Random orders that are computed place by place: a billion images need no array of their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import overload

import numpy as np

_ROUNDS = 4  # of a Feistel network; fewer leave patterns (Luby and Rackoff 1988 need three or four)
_MASK = (1 << 64) - 1


class Permutation:
    """A random order of the numbers below `size`, by a Feistel network on the next power of four.

    Results that are too large are passed through it again ("cycle walking", Black and Rogaway 2002), so each number has
    exactly one place.
    """

    def __init__(self, size: int, key: int) -> None:
        self.size = size
        self.half = (max(size - 1, 1).bit_length() + 1) // 2
        self.keys = [_mixed(key + number) for number in range(_ROUNDS)]

    def __getitem__(self, place: int) -> int:
        """The number at a place from 0 to `size` - 1."""
        while True:
            place = self._network(place)
            if place < self.size:
                return place

    def _network(self, value: int) -> int:
        low = (1 << self.half) - 1
        left, right = value >> self.half, value & low
        for key in self.keys:
            left, right = right, left ^ (_mixed(right ^ key) & low)
        return left << self.half | right


def _mixed(value: int) -> int:
    """Bits that depend on all bits of a value: the finaliser of SplitMix64 (Steele et al. 2014)."""
    value = (value + 0x9E3779B97F4A7C15) & _MASK
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & _MASK
    value = (value ^ value >> 27) * 0x94D049BB133111EB & _MASK
    return value ^ value >> 31


class BlockOrder(Sequence[int]):
    """The samples of shards in random order by windows: the shards are shuffled, then the samples of each `window`
    neighbours in that order.

    What is next is so in few shards. Memory grows with the number of shards, not with that of samples.

    Args:
        sizes: the number of samples of each shard.
        window: how many shards are shuffled together.
        rng: chooses the order.
    """

    def __init__(self, sizes: np.ndarray, window: int, rng: np.random.Generator) -> None:
        self.shards = rng.permutation(len(sizes))
        self.window, self.key = window, int(rng.integers(1 << 62))
        self.firsts = np.cumsum(sizes) - sizes  # the number of each shard's first sample
        self.ends = np.cumsum(sizes[self.shards])  # of each shard in the new order, the place behind its last sample

    def __len__(self) -> int:
        return int(self.ends[-1]) if len(self.ends) else 0

    @cached_property
    def _window_ends(self) -> np.ndarray:
        """The place behind each window."""
        last = np.minimum(np.arange(self.window, len(self.ends) + self.window, self.window), len(self.ends)) - 1
        ends: np.ndarray = self.ends[last]
        return ends

    @overload
    def __getitem__(self, place: int) -> int: ...

    @overload
    def __getitem__(self, place: slice) -> list[int]: ...

    def __getitem__(self, place: int | slice) -> int | list[int]:
        if isinstance(place, slice):
            return [self[i] for i in range(*place.indices(len(self)))]
        if not 0 <= place < len(self):
            raise IndexError(f"place {place} of {len(self)}")
        window = int(np.searchsorted(self._window_ends, place, side="right"))
        start = int(self._window_ends[window - 1]) if window else 0
        order = Permutation(int(self._window_ends[window]) - start, _mixed(self.key + window))
        place = start + order[place - start]
        shard = int(np.searchsorted(self.ends, place, side="right"))
        before = int(self.ends[shard - 1]) if shard else 0
        return int(self.firsts[self.shards[shard]]) + place - before
