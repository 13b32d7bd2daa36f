"""The layers of T5.1.1 and UL2: RMSNorm, relative bias, unscaled attention, gated feed-forward.

No linear layer has a bias. Initialisation is t5x's (`layers.py`).

Under autocast to bf16 all matrix products are bf16, as in the training of T5 and UL2, and so is the bias of attention,
as in t5x. Embeddings and the residual stream are fp32, norms and softmax are computed in fp32.
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
from pali3kit.nn.precision import at_least_float32, matmul_dtype, without_autocast

NORM_EPS = 1e-6
Activation = Literal["silu", "gelu", "gelu_exact", "relu"]
ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": nn.functional.silu,
    "relu": nn.functional.relu,
    "gelu": partial(nn.functional.gelu, approximate="tanh"),
    "gelu_exact": nn.functional.gelu,
}


class RMSNorm(nn.RMSNorm):
    """Root-mean-square norm, `[...,D] -> [...,D]`, computed in fp32.

    Its output has the dtype of the matrix products that read it, which keep one copy of it for the backward pass, not
    one each.
    """

    def __init__(self, width: int, epsilon: float = NORM_EPS) -> None:
        super().__init__(width, eps=epsilon)

    def forward(self, x: Tensor) -> Tensor:
        wide, weight = at_least_float32(x), at_least_float32(self.weight)
        return nn.functional.rms_norm(wide, self.normalized_shape, weight, self.eps).to(matmul_dtype(x))


class RelativeBias(nn.Module):
    """T5's learned bias by bucketed distance, `[1,H,Q,K]`, shared by all layers of a stack.

    Half of the buckets are exact distances, the rest grow logarithmically up to `max_distance`. A bidirectional
    stack uses half of its buckets for later keys.
    """

    def __init__(self, heads: int, buckets: int, max_distance: int, bidirectional: bool) -> None:
        super().__init__()
        self.buckets, self.max_distance, self.bidirectional = buckets, max_distance, bidirectional
        self.table = nn.Embedding(buckets, heads)
        nn.init.normal_(self.table.weight, std=heads**-0.5)

    def forward(self, start: int, stop: int, keys: int) -> Tensor:
        """Bias `[1,H,stop-start,keys]` of the queries at positions `start` to `stop` for keys from 0 on.

        It depends on the distance only, so each row is a window of one table of distances.
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
    """Keys and values of one decoder layer: those of the targets, `[R,H,T,d]` in a buffer of `capacity` tokens, and
    those of the memory, `[B,H,N,d]`, which are computed once.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity, self.length = capacity, 0
        self.own: tuple[Tensor, Tensor] | None = None
        self.memory: tuple[Tensor, Tensor] | None = None

    def append(self, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Append those of new tokens; return all so far, as views of the buffer."""
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
        """Continue with the targets `rows` `[R]`; a beam stays with its memory, so memories are not reordered."""
        for buffer in self.own or ():
            buffer[:, :, : self.length] = buffer[rows, :, : self.length]

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets and memories only."""
        if self.own is not None:
            self.own = (self.own[0][targets], self.own[1][targets])
        if self.memory is not None:
            self.memory = (self.memory[0][memories], self.memory[1][memories])


class _Attention(nn.Module):
    """T5's multi-head attention: no biases, no scaling of the scores."""

    def __init__(self, width: int, heads: int, head_width: int) -> None:
        super().__init__()
        self.heads = heads
        inner = heads * head_width
        self.query, self.key, self.value = (nn.Linear(width, inner, bias=False) for _ in range(3))
        self.out = nn.Linear(inner, width, bias=False)
        nn.init.normal_(self.query.weight, std=(width * head_width) ** -0.5)  # includes the missing 1/sqrt(d)
        nn.init.normal_(self.key.weight, std=width**-0.5)
        nn.init.normal_(self.value.weight, std=width**-0.5)
        nn.init.normal_(self.out.weight, std=inner**-0.5)

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """`[B,N,D]` to keys and values `[B,H,N,d]`."""
        return split_heads(self.key(x), self.heads), split_heads(self.value(x), self.heads)

    def forward(self, x: Tensor, keys_values: tuple[Tensor, Tensor], attend: Attend) -> Tensor:
        """Queries `[R,T,D]` attend to keys and values of B rows; R/B neighbouring queries share a row."""
        queries = split_heads(self.query(x), self.heads)
        shared = len(x) // len(keys_values[0])
        if shared > 1:
            queries = rearrange(queries, "(b r) h t d -> b h (r t) d", r=shared)
        attended = attend(queries, *keys_values)
        if shared > 1:
            attended = rearrange(attended, "b h (r t) d -> (b r) h t d", r=shared)
        out: Tensor = self.out(merge_heads(attended))
        return out


class _FeedForward(nn.Module):
    """`down(act(gate(x)) * up(x))`, or without a gate `down(act(up(x)))` as in the first T5, `[...,D] -> [...,D]`.

    The output projection is not autocast to fp16, whose range T5 exceeds there (transformers#4586). It is to bf16,
    which has the range of fp32.
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
        out: Tensor
        if hidden.dtype == torch.float16:
            with without_autocast(x):  # in the dtype of the weights: fp32 in mixed precision
                out = self.down(hidden.to(self.down.weight.dtype))
        else:
            out = self.down(hidden)
        return out


@dataclass(frozen=True, slots=True)
class LayerShape:
    """The shape and options of one layer; `mlp` is the hidden size of the feed-forward."""

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

    def attention(self) -> _Attention:
        return _Attention(self.width, self.heads, self.head_width)

    def feed(self) -> _FeedForward:
        return _FeedForward(self.width, self.mlp, self.activation, self.gated)


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
    """Causal self-attention, cross-attention to the memory, feed-forward, each `x + dropout(f(norm(x)))`."""

    def __init__(self, shape: LayerShape) -> None:
        super().__init__()
        self.attention_norm, self.memory_norm, self.feed_norm = (shape.norm() for _ in range(3))
        self.attention, self.memory_attention, self.feed = shape.attention(), shape.attention(), shape.feed()
        self.dropout = nn.Dropout(shape.dropout)

    def forward(
        self, x: Tensor, memory: Tensor, attend: Attend, attend_memory: Attend, cache: LayerCache | None = None
    ) -> Tensor:
        y = self.attention_norm(x)
        keys_values = self.attention.keys_values(y)
        if cache is not None:
            keys_values = cache.append(*keys_values)
        x = x + self.dropout(self.attention(y, keys_values, attend))
        keys_values = self._memory_keys_values(memory, cache)
        x = x + self.dropout(self.memory_attention(self.memory_norm(x), keys_values, attend_memory))
        x = x + self.dropout(self.feed(self.feed_norm(x)))
        return x

    def _memory_keys_values(self, memory: Tensor, cache: LayerCache | None) -> tuple[Tensor, Tensor]:
        """The memory's keys and values, computed once per cache."""
        if cache is None:
            return self.memory_attention.keys_values(memory)
        if cache.memory is None:
            keys, values = self.memory_attention.keys_values(memory)
            cache.memory = (keys.contiguous(), values.contiguous())  # read at every step
        return cache.memory
