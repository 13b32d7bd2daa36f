"""A projector to a fixed number of tokens: learned queries attend to visual tokens (Alayrac et al. 2022, §3.1)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pali3kit.nn.attention import attend, merge_heads, split_heads
from pali3kit.nn.positions import Grid
from pali3kit.nn.transformer import MLP, NORM_EPS
from pali3kit.projector.contract import Projector
from pali3kit.projector.positions import add_positions
from pali3kit.registry import PROJECTOR


@PROJECTOR.register("resampler", "a fixed number of tokens by cross-attention")
class ResamplerProjector(Projector):
    """`[B,N,Dv] -> [B,tokens,Dl]`, for any N: one linear layer, then blocks of cross-attention and MLP.

    Visual tokens always get 2D sine positions, since the queries have no positions.

    Args:
        vision_width, language_width: Dv and Dl; `heads` must divide Dl.
        tokens: number of output tokens.
        depth: number of blocks.
        heads: attention heads.
    """

    def __init__(
        self, vision_width: int, language_width: int, tokens: int = 64, depth: int = 2, heads: int = 8
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(vision_width, language_width)
        nn.init.trunc_normal_(self.linear.weight, std=vision_width**-0.5)
        nn.init.zeros_(self.linear.bias)
        self.queries = nn.Parameter(torch.randn(1, tokens, language_width))
        self.blocks = nn.ModuleList(_CrossBlock(language_width, heads) for _ in range(depth))
        self.norm = nn.LayerNorm(language_width, eps=NORM_EPS)

    def forward(self, tokens: Tensor, grid: Grid) -> Tensor:
        visual = add_positions(self.linear(tokens), grid, "sine2d")
        x: Tensor = self.queries.expand(len(tokens), -1, -1)
        for block in self.blocks:
            x = block(x, visual)
        x = self.norm(x)
        return x

    def out_tokens(self, grid: Grid) -> int:
        """The number of queries, whatever the grid."""
        return self.queries.shape[1]


class _CrossBlock(nn.Module):
    """`x + attention(norm(x), norm(visual))`, then `x + mlp(norm(x))`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query_norm, self.visual_norm, self.mlp_norm = (nn.LayerNorm(width, eps=NORM_EPS) for _ in range(3))
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.mlp = MLP(width, 4 * width)

    def forward(self, x: Tensor, visual: Tensor) -> Tensor:
        y = self.visual_norm(visual)
        query = split_heads(self.query(self.query_norm(x)), self.heads)
        key, value = (split_heads(linear(y), self.heads) for linear in (self.key, self.value))
        x = x + self.out(merge_heads(attend(query, key, value)))
        x = x + self.mlp(self.mlp_norm(x))
        return x
