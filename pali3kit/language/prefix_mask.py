"""The mask of a prefix LM: the prefix attends to all of itself, targets to what precedes them (Raffel et al. 2020)."""

from __future__ import annotations

import torch
from torch import Tensor


class PrefixMask:
    """The prefix mask of R rows of a prefix and the targets so far, L tokens with padding.

    Attributes:
        positions: `[R,L]`, of each token in its row; padding does not count.
        valid: `[R,L]` bool, False for padding.
        prefix_length: tokens of the prefix, padding included.
    """

    def __init__(self, positions: Tensor, valid: Tensor, prefix_length: int) -> None:
        self.positions, self.valid, self.prefix_length = positions, valid, prefix_length

    @classmethod
    def of_prefix(cls, valid: Tensor) -> PrefixMask:
        """The mask of a prefix `[R,N]` without targets."""
        return cls((valid.cumsum(1) - 1).clamp(min=0), valid, valid.shape[1])

    def extended(self, targets: int) -> PrefixMask:
        """The mask with that many more targets in each row."""
        steps = torch.arange(targets, device=self.valid.device)
        positions = torch.cat([self.positions, self.valid.sum(1, keepdim=True) + steps], 1)
        valid = torch.cat([self.valid, self.valid.new_ones(len(self.valid), targets)], 1)
        return PrefixMask(positions, valid, self.prefix_length)

    def visible(self, queries: int) -> Tensor:
        """`[R,queries,L]`: which keys the last `queries` tokens may attend to."""
        key = torch.arange(self.valid.shape[1], device=self.valid.device)
        query = key[-queries:, None]
        causal = (key <= query) & (query >= self.prefix_length)
        return self.valid[:, None] & ((key < self.prefix_length) | causal)

    def select(self, rows: Tensor) -> PrefixMask:
        """The mask of some rows only."""
        return PrefixMask(self.positions[rows], self.valid[rows], self.prefix_length)
