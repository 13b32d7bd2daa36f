"""The pre-LN transformer encoder of ViT and of SigLIP's text tower (big_vision `models/vit.py`)."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pali3kit.nn.attention import attend, merge_heads, split_heads
from pali3kit.nn.precision import at_least_float32, matmul_dtype

NORM_EPS = 1e-6  # flax LayerNorm


class _SelfAttention(nn.Module):
    """Multi-head self-attention with biases, `[B,N,D] -> [B,N,D]`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        query, key, value = (split_heads(linear(x), self.heads) for linear in (self.query, self.key, self.value))
        attended: Tensor = self.out(merge_heads(attend(query, key, value, bias)))
        return attended


class MLP(nn.Module):
    """Two layers with GELU in its tanh approximation, flax's default: `[...,D] -> [...,D]`, or to the width `out`."""

    def __init__(self, width: int, hidden: int, out: int | None = None) -> None:
        super().__init__()
        self.up = nn.Linear(width, hidden)
        self.down = nn.Linear(hidden, out or width)
        self.activation = nn.GELU(approximate="tanh")

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.up(x))
        x = self.down(hidden)
        return x


class _LayerNorm(nn.LayerNorm):
    """Layer norm, computed in fp32, `[...,D] -> [...,D]` in the dtype of the matrix products that read it.

    So these keep one copy of it for the backward pass, not one each.
    """

    def forward(self, x: Tensor) -> Tensor:
        wide, weight, bias = (at_least_float32(each) for each in (x, self.weight, self.bias))
        return nn.functional.layer_norm(wide, self.normalized_shape, weight, bias, self.eps).to(matmul_dtype(x))


class _Block(nn.Module):
    """`x + attention(norm(x))`, then `x + mlp(norm(x))`."""

    def __init__(self, width: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.attention_norm = _LayerNorm(width, eps=NORM_EPS)
        self.attention = _SelfAttention(width, heads)
        self.mlp_norm = _LayerNorm(width, eps=NORM_EPS)
        self.mlp = MLP(width, mlp)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        x = x + self.attention(self.attention_norm(x), bias)
        x = x + self.mlp(self.mlp_norm(x))
        return x


class TransformerEncoder(nn.Module):
    """A stack of blocks and a final norm, `[B,N,D] -> [B,N,D]`.

    With `gradient_checkpointing` the backward pass recomputes each block's activations.
    """

    gradient_checkpointing = False

    def __init__(self, width: int, depth: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(width, heads, mlp) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=NORM_EPS)
        self.apply(_initialise)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        for block in self.blocks:
            if self.gradient_checkpointing and torch.is_grad_enabled():
                x = checkpoint(block, x, bias, use_reentrant=False)
            else:
                x = block(x, bias)
        x = self.norm(x)
        return x


@torch.no_grad()
def _initialise(module: nn.Module) -> None:
    """Xavier-uniform kernels; attention biases 0, MLP biases N(0, 1e-6) (big_vision)."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
    if isinstance(module, MLP):
        for linear in (module.up, module.down):
            nn.init.normal_(linear.bias, std=1e-6)
