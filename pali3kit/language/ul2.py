"""The UL2 encoder-decoder: T5.1.1's architecture with a gated SiLU (Raffel et al. 2020, Tay et al. 2023)."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from pali3kit.config.shapes import LanguageShape
from pali3kit.language.attention import encoder_attention, padding_bias
from pali3kit.language.contract import Cache, LanguageModel
from pali3kit.language.layers import NORM_EPS, DecoderLayer, EncoderLayer, LayerCache, LayerShape, RelativeBias
from pali3kit.nn.attention import Attend, attend, attend_eager
from pali3kit.nn.precision import matmul_dtype


class UL2(LanguageModel):
    """A T5-style encoder-decoder; PaLI puts visual tokens before the embedded prompt, between `embed` and `encode`.

    Args:
        vocabulary: number of rows of the embedding, V.
        size: a name of `config.shapes.LANGUAGE_SHAPES`, instead of the six numbers from `width` to `mlp`.
        width: D. encoder_depth, decoder_depth: layers. heads, head_width: the attention's inner size is their product.
        mlp: hidden size of the feed-forward. activation: `"silu"` (UL2), `"gelu"` (T5.1.1, tanh), `"relu"`
            (T5), or `"gelu_exact"`.
        gated: whether the feed-forward has a gate; the first T5 has none.
        tied: share the embedding with the logits (then scaled by `D ** -0.5`). dropout: on every residual branch.
        buckets, max_distance: of the relative bias, one per stack. epsilon: of the norms.
        attention: backend of the encoder, `"auto"` or one of `language.attention.BACKENDS`; results are equal.
        gradient_checkpointing: recompute each layer's activations in the backward pass instead of keeping them.

    As in every T5, targets start after id 0, the padding, and end with id 1.
    """

    start_id = 0
    eos_id = 1

    def __init__(
        self,
        vocabulary: int,
        size: str | None = None,
        width: int | None = None,
        encoder_depth: int | None = None,
        decoder_depth: int | None = None,
        heads: int | None = None,
        head_width: int | None = None,
        mlp: int | None = None,
        activation: str = "silu",
        gated: bool = True,
        tied: bool = False,
        dropout: float = 0.0,
        buckets: int = 32,
        max_distance: int = 128,
        epsilon: float = NORM_EPS,
        attention: str = "auto",
        gradient_checkpointing: bool = False,
    ) -> None:
        super().__init__()
        shape = LanguageShape.of(
            size, width=width, encoder_depth=encoder_depth, decoder_depth=decoder_depth, heads=heads,
            head_width=head_width, mlp=mlp,
        )  # fmt: skip
        self.width, self.vocabulary, self.shape = shape.width, vocabulary, shape
        self.options = asdict(shape) | {
            "activation": activation, "gated": gated, "tied": tied, "dropout": dropout, "buckets": buckets,
            "max_distance": max_distance, "epsilon": epsilon,
        }  # fmt: skip
        self.attention, self.gradient_checkpointing = attention, gradient_checkpointing
        self.embedding = nn.Embedding(vocabulary, shape.width)
        nn.init.normal_(self.embedding.weight)
        layer = LayerShape(shape.width, shape.heads, shape.head_width, shape.mlp, activation, gated, dropout, epsilon)
        self.encoder = nn.ModuleList(EncoderLayer(layer) for _ in range(shape.encoder_depth))
        self.decoder = nn.ModuleList(DecoderLayer(layer) for _ in range(shape.decoder_depth))
        self.encoder_bias = RelativeBias(shape.heads, buckets, max_distance, bidirectional=True)
        self.decoder_bias = RelativeBias(shape.heads, buckets, max_distance, bidirectional=False)
        self.encoder_norm, self.decoder_norm = layer.norm(), layer.norm()
        self.dropout = nn.Dropout(dropout)
        self.logits = None if tied else nn.Linear(shape.width, vocabulary, bias=False)
        if self.logits is not None:
            nn.init.normal_(self.logits.weight, std=shape.width**-0.5)

    def embed(self, ids: Tensor) -> Tensor:
        embeds: Tensor = self.embedding(ids)
        return embeds

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        attention = encoder_attention(self.attention, self.encoder_bias, mask, matmul_dtype(embeds))
        x = self.dropout(embeds)
        for layer in self.encoder:
            x = self._run(layer, x, attention)
        memory: Tensor = self.dropout(self.encoder_norm(x))
        return memory

    def new_cache(self, capacity: int) -> _UL2Cache:
        return _UL2Cache([LayerCache(capacity) for _ in self.decoder])

    def decode(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits `[R,T,V]` of the tokens that follow `ids` `[R,T]`."""
        return self.to_logits(self.decode_states(ids, memory, memory_mask, cache))

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        assert cache is None or isinstance(cache, _UL2Cache), "this cache belongs to another model"
        layers = [None] * len(self.decoder) if cache is None else cache.layers
        start = 0 if cache is None else cache.length
        x = self.dropout(self.embed(ids))
        attend_self = self._causal_attention(start, start + ids.shape[1], x)
        attend_memory = partial(attend, bias=padding_bias(memory_mask, matmul_dtype(x)), scale=1.0)
        for layer, layer_cache in zip(self.decoder, layers, strict=True):
            x = self._run(layer, x, memory, attend_self, attend_memory, layer_cache)
        states: Tensor = self.dropout(self.decoder_norm(x))
        return states

    def _causal_attention(self, start: int, stop: int, x: Tensor) -> Attend:
        """Causal self-attention of the tokens from `start` to `stop` with the relative bias."""
        bias: Tensor = self.decoder_bias(start, stop, stop).to(matmul_dtype(x))
        if stop - start == 1:  # on CPU fused attention takes twice as long for one query
            return partial(attend_eager if x.device.type == "cpu" else attend, bias=bias, scale=1.0)
        return partial(attend, bias=bias + _causal_bias(stop - start, stop, bias), scale=1.0)

    def _run(self, layer: nn.Module, *inputs: object) -> Tensor:
        out: Tensor
        if self.gradient_checkpointing and torch.is_grad_enabled():
            out = checkpoint(layer, *inputs, use_reentrant=False)
        else:
            out = layer(*inputs)
        return out

    def to_logits(self, x: Tensor) -> Tensor:
        if self.logits is None:
            return nn.functional.linear(x * self.width**-0.5, self.embedding.weight)
        logits: Tensor = self.logits(x)
        return logits


class _UL2Cache:
    """Keys and values of all decoder layers."""

    def __init__(self, layers: list[LayerCache]) -> None:
        self.layers = layers

    @property
    def length(self) -> int:
        """Number of tokens so far."""
        return self.layers[0].length

    def reorder(self, rows: Tensor) -> None:
        """Continue with the targets `rows` `[R]`; each stays with the same memory."""
        for layer in self.layers:
            layer.reorder(rows)

    def keep(self, targets: Tensor, memories: Tensor) -> None:
        """Continue with these targets and memories only."""
        for layer in self.layers:
            layer.keep(targets, memories)


def _causal_bias(queries: int, keys: int, like: Tensor) -> Tensor:
    """`[queries, keys]`: the last `queries` of `keys` positions attend to themselves and to what precedes them."""
    later = torch.ones(queries, keys, dtype=torch.bool, device=like.device).triu(keys - queries + 1)
    zeros = torch.zeros(queries, keys, dtype=like.dtype, device=like.device)
    return zeros.masked_fill_(later, torch.finfo(like.dtype).min)
