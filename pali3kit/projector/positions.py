"""Fixed 2D position embeddings that projectors may add to visual tokens."""

from __future__ import annotations

import math
from typing import Literal

from torch import Tensor

from pali3kit.nn.positions import Grid, sine_2d

Positions = Literal["none", "sine2d"]
"""None, as in the paper, or fixed 2D sine embeddings, added to the projected tokens."""


def add_positions(tokens: Tensor, grid: Grid, positions: str) -> Tensor:
    """Tokens `[B,N,D]` plus 2D sine embeddings of their `grid` if `positions` is `"sine2d"`, else unchanged."""
    if positions == "none":
        return tokens
    return tokens + _sine_positions(grid, tokens.shape[-1]).to(tokens)


def _sine_positions(grid: Grid, width: int) -> Tensor:
    """2D sines of unit root mean square `[rows*columns, width]`, with periods from two tokens to twice the image.

    big_vision's frequencies, which fall to 1e-4, make most channels constant over a small grid: on a 4x4 grid the part
    that differs between positions has a root mean square of 0.18, beside tokens of 1.4; with these frequencies 0.95.
    """
    return math.sqrt(2) * sine_2d(grid, width, temperature=max(2, *grid), highest=math.pi)
