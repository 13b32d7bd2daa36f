"""The UL2 encoder-decoder: T5.1.1's architecture with a gated SiLU (Raffel et al. 2020, Tay et al. 2023)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pali3kit.language.layers import DecoderLayer, EncoderLayer, LayerCache, RelativeBias, RMSNorm

Cache = list[LayerCache]


class UL2(nn.Module):
    """Embeds, encodes and decodes token ids; the vision tokens of PaLI join between embedding and encoding.

    Args:
        vocabulary: number of rows of the embedding, V.
        width: D. encoder_depth, decoder_depth: layers. heads, head_width: the attention's inner size is their product.
        mlp: hidden size of the gated feed-forward. activation: `"silu"` (UL2) or `"gelu"` (T5.1.1).
        tied: share the embedding with the logits (then scaled by `D ** -0.5`). dropout: on every residual branch.
        buckets, max_distance: of the relative bias, one per stack.

    The decoder starts from id 0, the padding, and ends at id 1, as every T5.
    """

    start_id = 0
    eos_id = 1

    def __init__(
        self,
        vocabulary: int,
        width: int,
        encoder_depth: int,
        decoder_depth: int,
        heads: int,
        head_width: int,
        mlp: int,
        activation: str = "silu",
        tied: bool = False,
        dropout: float = 0.0,
        buckets: int = 32,
        max_distance: int = 128,
    ) -> None:
        super().__init__()
        self.width, self.vocabulary = width, vocabulary
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight)
        shape = (width, heads, head_width, mlp, activation, dropout)
        self.encoder = nn.ModuleList(EncoderLayer(*shape) for _ in range(encoder_depth))
        self.decoder = nn.ModuleList(DecoderLayer(*shape) for _ in range(decoder_depth))
        self.encoder_bias = RelativeBias(heads, buckets, max_distance, bidirectional=True)
        self.decoder_bias = RelativeBias(heads, buckets, max_distance, bidirectional=False)
        self.encoder_norm, self.decoder_norm = RMSNorm(width), RMSNorm(width)
        self.dropout = nn.Dropout(dropout)
        self.logits = None if tied else nn.Linear(width, vocabulary, bias=False)
        if self.logits is not None:
            nn.init.normal_(self.logits.weight, std=width**-0.5)

    def embed(self, ids: Tensor) -> Tensor:
        """`[B,N] int64 -> [B,N,D]`."""
        return self.embedding(ids)  # type: ignore[no-any-return]

    def encode(self, embeds: Tensor, mask: Tensor) -> Tensor:
        """`[B,N,D]` and a mask `[B,N]` (True where there is a token) to the memory `[B,N,D]`."""
        length = embeds.shape[1]
        bias = self.encoder_bias(length, length) + _padding_bias(mask, embeds.dtype)
        x = self.dropout(embeds)
        for layer in self.encoder:
            x = layer(x, bias)
        return self.dropout(self.encoder_norm(x))  # type: ignore[no-any-return]

    def new_cache(self) -> Cache:
        """An empty cache, to be passed to every `decode` of one generation."""
        return [LayerCache() for _ in self.decoder]

    def decode(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        """Logits `[B,T,V]` of the tokens that follow `ids` `[B,T]`."""
        return self.to_logits(self.decode_states(ids, memory, memory_mask, cache))

    def decode_states(self, ids: Tensor, memory: Tensor, memory_mask: Tensor, cache: Cache | None = None) -> Tensor:
        """The decoder's last states `[B,T,D]`, of which `to_logits` makes logits.

        With a `cache`, `ids` are only the new tokens; their position bias counts the cached ones.
        """
        cache = self.new_cache() if cache is None else cache
        own = cache[0].own
        length = ids.shape[1] + (0 if own is None else own[0].shape[2])
        x = self.dropout(self.embed(ids))
        bias = self.decoder_bias(ids.shape[1], length) + _causal_bias(ids.shape[1], length, x)
        memory_bias = _padding_bias(memory_mask, x.dtype)
        for layer, layer_cache in zip(self.decoder, cache, strict=True):
            x = layer(x, memory, bias, memory_bias, layer_cache)
        return self.dropout(self.decoder_norm(x))  # type: ignore[no-any-return]

    def to_logits(self, x: Tensor) -> Tensor:
        """`[...,D] -> [...,V]`."""
        if self.logits is None:
            return nn.functional.linear(x * self.width**-0.5, self.embedding.weight)
        return self.logits(x)  # type: ignore[no-any-return]


def _padding_bias(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """`[B,N]` bool to `[B,1,1,N]`: 0 where there is a token, the lowest number where there is none."""
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill_(~mask, torch.finfo(dtype).min)[
        :, None, None
    ]


def _causal_bias(queries: int, keys: int, like: Tensor) -> Tensor:
    """`[queries, keys]`: the last `queries` of `keys` positions see themselves and what is before them."""
    later = torch.ones(queries, keys, dtype=torch.bool, device=like.device).triu(keys - queries + 1)
    return torch.zeros(queries, keys, dtype=like.dtype, device=like.device).masked_fill_(
        later, torch.finfo(like.dtype).min
    )
