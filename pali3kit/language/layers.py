"""The layers of T5.1.1 and UL2: RMSNorm, relative bias, unscaled attention, gated feed-forward.

No linear layer has a bias. Initialisation as in t5x (`layers.py`), norms in fp32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import torch
from einops import rearrange
from torch import Tensor, nn

from pali3kit.errors import ConfigError, choose
from pali3kit.nn.attention import Attend, merge_heads, split_heads
from pali3kit.nn.precision import without_autocast

NORM_EPS = 1e-6
Activation = Literal["silu", "gelu", "gelu_exact", "relu"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": nn.functional.silu,
    "relu": nn.functional.relu,
    "gelu": partial(nn.functional.gelu, approximate="tanh"),
    "gelu_exact": nn.functional.gelu,
}


class RMSNorm(nn.RMSNorm):
    """Root-mean-square norm computed in fp32, `[...,D] -> [...,D]`."""

    def __init__(self, width: int, epsilon: float = NORM_EPS) -> None:
        super().__init__(width, eps=epsilon)

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

    def forward(self, start: int, stop: int, keys: int) -> Tensor:
        """Bias `[1,H,stop-start,keys]` of the queries at positions `start` to `stop` towards keys from 0 on.

        It depends on the distance alone, so each row is a window of one list of distances.
        """
        windows = self.by_distance(1 - stop, keys - 1 - start).unfold(-1, keys, 1)
        return windows.flip(1).unsqueeze(0)

    def by_distance(self, first: int, last: int) -> Tensor:
        """Bias `[H,last-first+1]` of each `key - query` distance from `first` to `last`."""
        distances = torch.arange(first, last + 1, device=self.table.weight.device)
        biases: Tensor = self.table(self.bucket(distances))
        return biases.T

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


class LayerCache:
    """Keys and values `[R,H,N,d]` of one decoder layer: its own, in a buffer of `capacity` tokens, and the memory's.

    There are R targets to B memories, R/B neighbouring targets (the beams) to each. The memory's are computed once.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self.own: tuple[Tensor, Tensor] | None = None
        self.memory: tuple[Tensor, Tensor] | None = None

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Add those of new tokens; all that there are, as views of the buffer."""
        if self.own is None:
            rows, heads, _, width = keys.shape
            shape = (rows, heads, self.capacity, width)
            self.own = (keys.new_empty(shape), values.new_empty(shape))
        end = self.length + keys.shape[2]
        for buffer, new in zip(self.own, (keys, values), strict=True):
            buffer[:, :, self.length : end] = new
        self.length = end
        return self.own[0][:, :, :end], self.own[1][:, :, :end]

    def reorder(self, rows: Tensor) -> None:
        """Continue with these targets, R of them; their memories stay, since a beam stays with its image."""
        for buffer in self.own or ():
            buffer[:, :, : self.length] = buffer[rows, :, : self.length]

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with fewer targets and memories."""
        if self.own is not None:
            self.own = (self.own[0][targets], self.own[1][targets])
        if self.memory is not None:
            self.memory = (self.memory[0][memories], self.memory[1][memories])


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

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], attend: Attend) -> Tensor:
        """`[R,T,D]` over keys and values of B rows; where B is less than R, R/B neighbours share a row of them."""
        queries = split_heads(self.query(x), self.heads)
        shared = len(x) // len(keys_values[0])
        if shared > 1:
            queries = rearrange(queries, "(b r) h t d -> b h (r t) d", r=shared)
        attended = attend(queries, *keys_values)
        if shared > 1:
            attended = rearrange(attended, "b h (r t) d -> (b r) h t d", r=shared)
        out: Tensor = self.out(merge_heads(attended))
        return out


class FeedForward(nn.Module):
    """`down(act(gate(x)) * up(x))`, or without a gate `down(act(up(x)))` as in the first T5, `[...,D] -> [...,D]`.

    The output projection is never autocast, since T5 overflows there in low precision (transformers#4586).
    """

    def __init__(self, width: int, hidden: int, activation: str, gated: bool = True) -> None:
        super().__init__()
        self.gate = nn.Linear(width, hidden, bias=False) if gated else None
        self.up = nn.Linear(width, hidden, bias=False)
        self.down = nn.Linear(hidden, width, bias=False)
        if activation not in ACTIVATIONS:
            raise ConfigError([f"unknown activation '{activation}'.{choose(activation, ACTIVATIONS)}"])
        self.activation = ACTIVATIONS[activation]
        for linear in (self.gate, self.up, self.down):
            if linear is not None:
                nn.init.normal_(linear.weight, std=linear.in_features**-0.5)

    def forward(self, x: Tensor) -> Tensor:
        up = self.up(x)
        hidden = self.activation(up) if self.gate is None else self.activation(self.gate(x)) * up
        with without_autocast(x):  # in the weights' own dtype, fp32 in mixed precision
            out: Tensor = self.down(hidden.to(self.down.weight.dtype))
        return out.to(x.dtype)


@dataclass(frozen=True, slots=True)
class LayerShape:
    """The numbers of one layer: `mlp` is the hidden size of the feed-forward."""

    width: int
    heads: int
    head_width: int
    mlp: int
    activation: str
    gated: bool
    dropout: float
    epsilon: float = NORM_EPS

    def norm(self) -> RMSNorm:
        return RMSNorm(self.width, self.epsilon)

    def attention(self) -> Attention:
        return Attention(self.width, self.heads, self.head_width)

    def feed(self) -> FeedForward:
        return FeedForward(self.width, self.mlp, self.activation, self.gated)


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, each `x + dropout(f(norm(x)))`."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.attention_norm, self.feed_norm = shape.norm(), shape.norm()
        self.attention, self.feed = shape.attention(), shape.feed()
        self.dropout = nn.Dropout(shape.dropout)

    def forward(self, x: Tensor, attend: Attend) -> Tensor:
        y = self.attention_norm(x)
        x = x + self.dropout(self.attention(y, self.attention.keys_values(y), attend))
        x = x + self.dropout(self.feed(self.feed_norm(x)))
        return x


class DecoderLayer(nn.Module):
    """Causal self-attention, attention to the memory, feed-forward."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.attention_norm, self.memory_norm, self.feed_norm = (shape.norm() for _ in range(3))
        self.attention, self.memory_attention, self.feed = shape.attention(), shape.attention(), shape.feed()
        self.dropout = nn.Dropout(shape.dropout)

    def forward(
        self, x: Tensor, memory: Tensor, attend: Attend, attend_memory: Attend, cache: LayerCache | None = None
    ) -> Tensor:
        y = self.attention_norm(x)
        own = self.attention.keys_values(y)
        x = x + self.dropout(self.attention(y, own if cache is None else cache.append(*own), attend))
        x = x + self.dropout(self.memory_attention(self.memory_norm(x), self._of(memory, cache), attend_memory))
        x = x + self.dropout(self.feed(self.feed_norm(x)))
        return x

    def _of(self, memory: Tensor, cache: LayerCache | None) -> tuple[Tensor, Tensor]:
        """The memory's keys and values, computed once for a cache."""
        if cache is None:
            return self.memory_attention.keys_values(memory)
        if cache.memory is None:
            keys, values = self.memory_attention.keys_values(memory)
            cache.memory = (keys.contiguous(), values.contiguous())  # read at every step
        return cache.memory
