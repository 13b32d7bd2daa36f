"""The interface of projectors."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from pali3kit.nn.positions import Grid


class Projector(nn.Module):
    """Maps visual tokens `[B,N,Dv]` on a grid to tokens `[B,M,Dl]` of the language model's width."""

    if TYPE_CHECKING:

        def __call__(self, tokens: Tensor, grid: Grid) -> Tensor: ...

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        """Project `tokens` on `grid` (rows, columns), in row-major order."""
        raise NotImplementedError

    def with_frames(self, tokens: Tensor) -> Tensor:
        """Projected tokens `[B,F,M,Dl]` of F images, with positions of the images where it has any; by default none."""
        return tokens

    def out_tokens(self, grid: Grid) -> int:
        """M, the number of output tokens for inputs on `grid`; by default the number of input tokens."""
        rows, columns = grid
        return rows * columns
