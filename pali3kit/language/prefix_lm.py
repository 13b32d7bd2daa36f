"""A decoder-only prefix LM (Raffel et al. 2020, §3.2.1), as in PaliGemma, of any size.

Its layers are those of `ul2`'s encoder. The prefix, visual tokens and prompt, attends to all of itself; each target to
the prefix and to the targets before it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pali3kit.language.contract import Cache, LanguageModel
from pali3kit.language.layers import Activation, EncoderLayer, LayerCache, LayerShape, RelativeBias, RMSNorm
from pali3kit.language.prefix_mask import PrefixMask
from pali3kit.nn.attention import Attend, attend
from pali3kit.nn.precision import matmul_dtype
from pali3kit.registry import LANGUAGE


@LANGUAGE.register("prefix_lm", "decoder-only, full attention over the prefix (PaliGemma style)")
class PrefixLM(LanguageModel):
    """A decoder-only model whose memory is the embedded prefix: `encode` returns its input.

    Args:
        vocabulary: number of rows of the embedding, V. width: D. depth: layers.
        heads, head_width: the attention's inner size is their product. mlp: hidden size of the feed-forward.
        activation, gated, tied, dropout, buckets, max_distance: as in `UL2`.

    Distances do not count padding, so padding between prompt and target has no effect.
    """

    start_id = 0
    eos_id = 1

    def __init__(
        self,
        vocabulary: int,
        width: int,
        depth: int,
        heads: int,
        head_width: int,
        mlp: int,
        activation: Activation = "silu",
        gated: bool = True,
        tied: bool = False,
        dropout: float = 0.0,
        buckets: int = 32,
        max_distance: int = 128,
    ) -> None:
        super().__init__()
        self.width, self.vocabulary = width, vocabulary
        self.options = {
            "width": width, "depth": depth, "heads": heads, "head_width": head_width, "mlp": mlp,
            "activation": activation, "gated": gated, "tied": tied, "dropout": dropout, "buckets": buckets,
            "max_distance": max_distance,
        }  # fmt: skip
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight)
        layer = LayerShape(width, heads, head_width, mlp, activation, gated, dropout)
        self.layers = nn.ModuleList(EncoderLayer(layer) for _ in range(depth))
        self.bias = RelativeBias(heads, buckets, max_distance, bidirectional=True)
        self.norm, self.dropout = RMSNorm(width), nn.Dropout(dropout)
        self.logits = None if tied else nn.Linear(width, vocabulary, bias=False)
        if self.logits is not None:
            nn.init.normal_(self.logits.weight, std=width**-0.5)

    def embed(self, ids: Tensor) -> Tensor:
        embeds: Tensor = self.embedding(ids)
        return embeds

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """Return the prefix `[B,N,D]` unchanged: the layers see it together with the targets."""
        return embeds

    def new_cache(self, capacity: int) -> _PrefixCache:
        return _PrefixCache(len(self.layers), capacity)

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        assert cache is None or isinstance(cache, _PrefixCache), "this cache belongs to another model"
        x, mask = self.embed(ids), cache.mask if cache is not None else None
        if mask is None:
            shared = len(ids) // len(memory)
            memory, memory_mask = (each.repeat_interleave(shared, 0) for each in (memory, memory_mask))
            x = torch.cat([memory, x], 1)
            mask = PrefixMask.of_prefix(memory_mask)
        mask = mask.extended(ids.shape[1])
        bias = self._bias(mask, x.shape[1], matmul_dtype(x))
        if cache is not None:
            cache.update(mask)
        x = self.dropout(x)
        for i, layer in enumerate(self.layers):
            x = self._run(layer, x, _attention(bias, None if cache is None else cache.layers[i]))
        states: Tensor = self.dropout(self.norm(x[:, -ids.shape[1] :]))
        return states

    def _bias(self, mask: PrefixMask, queries: int, dtype: torch.dtype) -> Tensor:
        """`[R,H,queries,L]`: the relative bias of the last `queries` of L tokens, the lowest number if masked."""
        distance = mask.positions[:, None, :] - mask.positions[:, -queries:, None]
        biases: Tensor = self.bias.table(self.bias.bucket(distance)).to(dtype)
        hidden = ~mask.visible(queries)[:, None]
        return biases.permute(0, 3, 1, 2).masked_fill(hidden, torch.finfo(dtype).min)

    def _run(self, layer: nn.Module, x: Tensor, attention: Attend) -> Tensor:
        out: Tensor
        if self.gradient_checkpointing and torch.is_grad_enabled():
            out = checkpoint(layer, x, attention, use_reentrant=False)
        else:
            out = layer(x, attention)
        return out

    def to_logits(self, x: Tensor) -> Tensor:
        if self.logits is None:
            return nn.functional.linear(x * self.width**-0.5, self.embedding.weight)
        logits: Tensor = self.logits(x)
        return logits


def _attention(bias: Tensor, cache: LayerCache | None) -> Attend:
    """Attention with `bias` to the new keys and the cached ones before them."""

    def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        keys, values = (key, value) if cache is None else cache.append(key, value)
        return attend(query, keys, values, bias, scale=1.0)

    return attention


class _PrefixCache:
    """Keys and values of prefix and targets for each layer; every target has its own copy of the prefix."""

    def __init__(self, depth: int, capacity: int) -> None:
        self.depth, self.capacity = depth, capacity
        self.layers: list[LayerCache] = []
        self.mask: PrefixMask | None = None

    def update(self, mask: PrefixMask) -> None:
        """Set the mask of all tokens so far; at the first step, allocate buffers for the prefix and the targets."""
        if not self.layers:
            self.layers = [LayerCache(mask.prefix_length + self.capacity) for _ in range(self.depth)]
        self.mask = mask

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`; beams of one prefix have equal positions."""
        for layer in self.layers:
            layer.reorder(rows)

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets only."""
        for layer in self.layers:
            layer.keep(targets, memories)
        self.mask = self.mask.select(targets) if self.mask is not None else None
