"""What PaLI asks of a projector."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from pali3kit.nn.positions import Grid


class Projector(nn.Module):
    """Visual tokens `[B,N,Dv]` that lie on a grid to tokens `[B,M,Dl]` of the language model's width."""

    if TYPE_CHECKING:

        def __call__(self, tokens: Tensor, grid: Grid) -> Tensor: ...

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Project `tokens` that lie on `grid` (rows, columns)."""
        raise NotImplementedError

    def out_tokens(self, grid: Grid) -> int:
        """M, how many tokens come out of those on `grid`: as many as go in, unless a projector says otherwise."""
        rows, columns = grid
        return rows * columns
