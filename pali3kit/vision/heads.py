"""Pooling of tokens to one vector: SigLIP's attention pooling (MAP), the mean (GAP), or the class token."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from pali3kit.nn.attention import attend, merge_heads, split_heads
from pali3kit.nn.transformer import MLP, NORM_EPS

Head = Literal["map", "gap", "token"]


class MapHead(nn.Module):
    """Multi-head attention pooling, `[B,N,D] -> [B,D]`: a learned probe attends to the tokens, then `x + mlp(norm(x))`.

    big_vision `MAPHead` (Zhai et al. 2022a).
    """

    def __init__(self, width: int, heads: int, mlp_width: int) -> None:
        super().__init__()
        self.heads = heads
        self.probe = nn.Parameter(nn.init.xavier_uniform_(torch.empty(1, 1, width)))
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = MLP(width, mlp_width)
        for module in self.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.zeros_(module.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        probe = self.probe.expand(len(tokens), -1, -1)
        query = split_heads(self.query(probe), self.heads)
        key, value = (split_heads(linear(tokens), self.heads) for linear in (self.key, self.value))
        x: Tensor = self.out(merge_heads(attend(query, key, value)))[:, 0]
        x = x + self.mlp(self.norm(x))
        return x


class _GapHead(nn.Module):
    """The mean over the tokens, `[B,N,D] -> [B,D]`."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens.mean(1)


class _TokenHead(nn.Module):
    """The class token, which is the first, `[B,N,D] -> [B,D]`."""

    def forward(self, tokens: Tensor) -> Tensor:
        return tokens[:, 0]


def build_head(name: str, width: int, heads: int, mlp_width: int) -> nn.Module:
    """The head called `"map"`, `"gap"` or `"token"`."""
    if name == "map":
        return MapHead(width, heads, mlp_width)
    return {"gap": _GapHead, "token": _TokenHead}[name]()
