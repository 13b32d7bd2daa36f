"""Fixed position embeddings that projectors may add: of tokens in an image, and of images in an example."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor

from pali3kit.nn.positions import Grid, sine_2d

Positions = Literal["none", "sine2d"]
"""None, as in the paper, or fixed 2D sine embeddings, added to the projected tokens."""

FramePositions = Literal["none", "sine"]
"""None, as in the paper, or fixed sine embeddings of an image's number, added to all of its tokens."""


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


def add_frame_positions(tokens: Tensor, positions: str) -> Tensor:
    """Tokens `[B,F,M,D]` plus sine embeddings of their image's number if `positions` is `"sine"`, else unchanged."""
    if positions == "none":
        return tokens
    return tokens + _frame_sines(tokens.shape[1], tokens.shape[-1]).to(tokens)[:, None]


def _frame_sines(frames: int, width: int) -> Tensor:
    """Sines of unit root mean square `[F,D]`, with periods from two images to 32, twice the frames of a video."""
    angles = torch.arange(frames)[:, None] * math.pi * 16.0 ** -torch.linspace(0, 1, width // 2)
    return math.sqrt(2) * torch.cat([angles.sin(), angles.cos()], 1)
