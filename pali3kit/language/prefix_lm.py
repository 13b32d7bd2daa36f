"""A decoder-only language model that sees its whole prefix (Raffel et al. 2020, §3.2.1): PaliGemma's choice, in small.

The layers are those of `ul2`'s encoder. The prefix, PaLI's visual tokens and prompt, attends to all of itself; each
target to the prefix and to the targets before it.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pali3kit.language.contract import Cache, LanguageModel
from pali3kit.language.layers import Activation, EncoderLayer, LayerCache, LayerShape, RelativeBias, RMSNorm
from pali3kit.language.seen import Seen
from pali3kit.nn.attention import Attend, attend
from pali3kit.registry import LANGUAGE


@LANGUAGE.register("prefix_lm", "decoder-only, full attention over the prefix (PaliGemma style)")
class PrefixLM(LanguageModel):
    """Under the contract of encoder-decoders the memory is the prefix as it was embedded: `encode` changes nothing.

    Args:
        vocabulary: number of rows of the embedding, V. width: D. depth: layers.
        heads, head_width: the attention's inner size is their product. mlp: hidden size of the feed-forward.
        activation, gated, tied, dropout, buckets, max_distance: as of `UL2`.

    Distances count tokens that are there: padding between prompt and target moves nothing.
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
        """The prefix `[B,N,D]` itself: it is read together with the targets."""
        return embeds

    def new_cache(self, capacity: int) -> PrefixCache:
        return PrefixCache(len(self.layers), capacity)

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        assert cache is None or isinstance(cache, PrefixCache), "this cache is another model's"
        x, seen = self.embed(ids), cache.seen if cache is not None else None
        if seen is None:
            shared = len(ids) // len(memory)
            memory, memory_mask = (each.repeat_interleave(shared, 0) for each in (memory, memory_mask))
            x = torch.cat([memory, x], 1)
            seen = Seen.prefix(memory_mask)
        before, seen = seen, seen.extended(ids.shape[1])
        new = x.shape[1]
        bias = self._bias(seen, new)
        if cache is not None:
            cache.begin(before, seen)
        x = self.dropout(x)
        for i, layer in enumerate(self.layers):
            x = self._run(layer, x, _over(bias, None if cache is None else cache.layers[i]))
        states: Tensor = self.dropout(self.norm(x[:, -ids.shape[1] :]))
        return states

    def _bias(self, seen: Seen, new: int) -> Tensor:
        """`[R,H,new,L]`: by distance, and the lowest number where the last `new` of L positions may not look."""
        distance = seen.positions[:, None, :] - seen.positions[:, -new:, None]
        biases: Tensor = self.bias.table(self.bias.bucket(distance))
        hidden = ~seen.visible(new)[:, None]
        return biases.permute(0, 3, 1, 2).masked_fill(hidden, torch.finfo(biases.dtype).min)

    def _run(self, layer: nn.Module, x: Tensor, attention: Attend) -> Tensor:
        out: Tensor
        if self.checkpointing and torch.is_grad_enabled():
            out = checkpoint(layer, x, attention, use_reentrant=False)
        else:
            out = layer(x, attention)
        return out

    def to_logits(self, x: Tensor) -> Tensor:
        if self.logits is None:
            return nn.functional.linear(x * self.width**-0.5, self.embedding.weight)
        logits: Tensor = self.logits(x)
        return logits


def _over(bias: Tensor, cache: LayerCache | None) -> Attend:
    """Attention with `bias` over the given keys, and the cached ones before them."""

    def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        keys, values = (key, value) if cache is None else cache.append(key, value)
        least = torch.finfo(query.dtype).min  # of the format of the scores: fp32's would be -inf in bf16
        return attend(query, keys, values, bias.clamp(min=least).to(query.dtype), scale=1.0)

    return attention


class PrefixCache:
    """Keys and values of prefix and targets of each layer; every target has its own copy of its prefix'."""

    def __init__(self, depth: int, capacity: int) -> None:
        self.depth, self.capacity = depth, capacity
        self.layers: list[LayerCache] = []
        self.seen: Seen | None = None

    def begin(self, before: Seen, after: Seen) -> None:
        """Take note of what is seen now; the first time, make room for the prefix too."""
        if not self.layers:
            self.layers = [LayerCache(before.given + self.capacity) for _ in range(self.depth)]
        self.seen = after

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`; beams of one prefix have equal positions."""
        for layer in self.layers:
            layer.reorder(rows)

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets alone."""
        for layer in self.layers:
            layer.keep(targets, memories)
        self.seen = self.seen.of(targets) if self.seen is not None else None
