"""What a decoder sees of its prefix and of its targets so far (Raffel et al. 2020, figure 4: the prefix mask)."""

from __future__ import annotations

import torch
from torch import Tensor


class Seen:
    """Positions `[R,L]` of prefix and targets, which of them are there `[R,L]`, and how many are the prefix'."""

    def __init__(self, positions: Tensor, there: Tensor, given: int) -> None:
        self.positions, self.there, self.given = positions, there, given

    @classmethod
    def prefix(cls, mask: Tensor) -> Seen:
        """Of a prefix with mask `[R,N]`."""
        return cls((mask.cumsum(1) - 1).clamp(min=0), mask, mask.shape[1])

    def extended(self, targets: int) -> Seen:
        """With so many targets more."""
        steps = torch.arange(targets, device=self.there.device)
        positions = torch.cat([self.positions, self.there.sum(1, keepdim=True) + steps], 1)
        there = torch.cat([self.there, self.there.new_ones(len(self.there), targets)], 1)
        return Seen(positions, there, self.given)

    def visible(self, new: int) -> Tensor:
        """`[R,new,L]`: whether the last `new` positions may look at each."""
        place = torch.arange(self.there.shape[1], device=self.there.device)
        earlier = (place <= place[-new:, None]) & (place[-new:, None] >= self.given)
        return self.there[:, None] & ((place < self.given) | earlier)

    def of(self, rows: Tensor) -> Seen:
        """Of some rows alone."""
        return Seen(self.positions[rows], self.there[rows], self.given)
