"""The layers of T5.1.1 and UL2: RMSNorm, relative bias, unscaled attention, gated feed-forward.

No linear layer has a bias. Initialisation as in t5x (`layers.py`), norms in fp32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from pali3kit.nn.attention import attend, merge_heads, split_heads

NORM_EPS = 1e-6
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": nn.functional.silu,
    "gelu": partial(nn.functional.gelu, approximate="tanh"),
}


class RMSNorm(nn.RMSNorm):
    """Root-mean-square norm computed in fp32, `[...,D] -> [...,D]`."""

    def __init__(self, width: int) -> None:
        super().__init__(width, eps=NORM_EPS)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.rms_norm(x.float(), self.normalized_shape, self.weight, self.eps).to(x.dtype)


class RelativeBias(nn.Module):
    """T5's learned bias by bucketed distance, `[1,H,Q,K]`; one per stack, owned by none of its layers.

    Half of the buckets are exact distances, the rest grow logarithmically up to `max_distance`. A bidirectional
    stack uses half of its buckets for keys that come later.
    """

    def __init__(self, heads: int, buckets: int, max_distance: int, bidirectional: bool) -> None:
        super().__init__()
        self.buckets, self.max_distance, self.bidirectional = buckets, max_distance, bidirectional
        self.table = nn.Embedding(buckets, heads)
        nn.init.normal_(self.table.weight, std=heads**-0.5)

    def forward(self, queries: int, keys: int) -> Tensor:
        """Bias of the last `queries` positions towards all `keys` positions."""
        device = self.table.weight.device
        query = torch.arange(keys - queries, keys, device=device)[:, None]
        distance = torch.arange(keys, device=device)[None] - query
        return self.table(self.bucket(distance)).permute(2, 0, 1).unsqueeze(0)  # type: ignore[no-any-return]

    def bucket(self, distance: Tensor) -> Tensor:
        """The bucket of each `key - query` distance (int64)."""
        buckets, offset = self.buckets, torch.zeros_like(distance)
        if self.bidirectional:
            buckets //= 2
            offset = (distance > 0) * buckets
            distance = distance.abs()
        else:
            distance = (-distance).clamp(min=0)
        exact = buckets // 2
        growth = torch.log(distance.clamp(min=1).float() / exact) / math.log(self.max_distance / exact)
        far = (exact + growth * (buckets - exact)).long().clamp(max=buckets - 1)
        return offset + torch.where(distance < exact, distance, far)


@dataclass
class LayerCache:
    """Keys and values `[B,H,N,d]` of one decoder layer: its own, which grow, and those of the memory, which do not."""

    own: tuple[Tensor, Tensor] | None = None
    memory: tuple[Tensor, Tensor] | None = None

    def reorder(self, rows: Tensor) -> None:
        """Keep the given rows of the batch (beam search); the memory's stay, since beams share their image."""
        if self.own is not None:
            self.own = (self.own[0][rows], self.own[1][rows])


class Attention(nn.Module):
    """T5's multi-head attention: no biases, no scaling of the scores."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * head_width
        self.query, self.key, self.value = (nn.Linear(width, inner, bias=False) for _ in range(3))
        self.out = nn.Linear(inner, width, bias=False)
        nn.init.normal_(self.query.weight, std=(width * head_width) ** -0.5)  # the missing 1/sqrt(d) lives here
        nn.init.normal_(self.key.weight, std=width**-0.5)
        nn.init.normal_(self.value.weight, std=width**-0.5)
        nn.init.normal_(self.out.weight, std=inner**-0.5)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[B,N,D]` to keys and values `[B,H,N,d]`."""
        return split_heads(self.key(x), self.heads), split_heads(self.value(x), self.heads)

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], bias: Tensor | None) -> Tensor:
        query = split_heads(self.query(x), self.heads)
        return self.out(merge_heads(attend(query, *keys_values, bias, scale=1.0)))  # type: ignore[no-any-return]


class GatedFeedForward(nn.Module):
    """`down(act(gate(x)) * up(x))`, `[...,D] -> [...,D]`; the output projection is never autocast, since
    T5 overflows there in low precision (transformers#4586).
    """

    def __init__(self, width: int, hidden: int, activation: str) -> None:
        super().__init__()
        self.gate, self.up = nn.Linear(width, hidden, bias=False), nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        self.activation = ACTIVATIONS[activation]
        for linear in (self.gate, self.up, self.down):
            nn.init.normal_(linear.weight, std=linear.in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.gate(x)) * self.up(x)
        with torch.autocast(x.device.type, enabled=False):  # in the weights' own dtype, fp32 in mixed precision
            return self.down(hidden.to(self.down.weight.dtype)).to(x.dtype)  # type: ignore[no-any-return]


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each `x + dropout(f(norm(x)))`."""

    def __init__(self, width: int, heads: int, head_width: int, mlp: int, activation: str, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.feed_norm = RMSNorm(width), RMSNorm(width)
        self.attention = Attention(width, heads, head_width)
        self.feed = GatedFeedForward(width, mlp, activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        y = self.attention_norm(x)
        x = x + self.dropout(self.attention(y, self.attention.keys_values(y), bias))
        return x + self.dropout(self.feed(self.feed_norm(x)))  # type: ignore[no-any-return]


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the memory, feed-forward."""

    def __init__(self, width: int, heads: int, head_width: int, mlp: int, activation: str, dropout: float) -> None:
        super().__init__()
        self.attention_norm, self.memory_norm, self.feed_norm = RMSNorm(width), RMSNorm(width), RMSNorm(width)
        self.attention = Attention(width, heads, head_width)
        self.memory_attention = Attention(width, heads, head_width)
        self.feed = GatedFeedForward(width, mlp, activation)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, memory: Tensor, bias: Tensor, memory_bias: Tensor, cache: LayerCache) -> Tensor:
        y = self.attention_norm(x)
        x = x + self.dropout(self.attention(y, self._own(y, cache), bias))
        if cache.memory is None:
            cache.memory = self.memory_attention.keys_values(memory)
        x = x + self.dropout(self.memory_attention(self.memory_norm(x), cache.memory, memory_bias))
        return x + self.dropout(self.feed(self.feed_norm(x)))  # type: ignore[no-any-return]

    def _own(self, y: Tensor, cache: LayerCache) -> tuple[Tensor, Tensor]:
        keys, values = self.attention.keys_values(y)
        if cache.own is not None:
            keys, values = torch.cat([cache.own[0], keys], 2), torch.cat([cache.own[1], values], 2)
        cache.own = (keys, values)
        return cache.own
