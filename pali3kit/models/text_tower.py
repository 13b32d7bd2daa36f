"""SigLIP's text tower: the ViT's encoder over token ids, without a causal mask (big_vision `text_transformer`)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pali3kit.nn.transformer import TransformerEncoder
from pali3kit.registry import TEXT_TOWER
from pali3kit.text.tokenizer import Tokenizer


@TEXT_TOWER.register("siglip_text", "bidirectional, last token, dense head")
class TextTower(nn.Module):
    """`[B,L]` token ids to embeddings `[B,E]`: the output at the last position, through a dense head.

    Sequences must be padded to `length` with the end token ("sticky EOS"), so that the last position always holds one.
    There is no padding mask, as in big_vision. With a `bottleneck` K the embedding is a table `[V,K]` times a matrix
    `[K,width]`, as in the multilingual SigLIP (250 thousand tokens, K = 96).
    """

    def __init__(
        self,
        vocabulary: int,
        length: int,
        out: int,
        width: int,
        depth: int,
        heads: int,
        mlp: int,
        bottleneck: int | None = None,
    ) -> None:
        super().__init__()
        self.depth, self.heads, self.mlp = depth, heads, mlp
        narrow = bottleneck or width
        self.embedding = nn.Embedding(vocabulary, narrow)
        nn.init.normal_(self.embedding.weight, std=narrow**-0.5)
        self.widen = _widening(bottleneck, width) if bottleneck else nn.Identity()
        self.positions = nn.Parameter(torch.randn(1, length, width) * width**-0.5)
        self.encoder = TransformerEncoder(width, depth, heads, mlp)
        self.head = nn.Linear(width, out)

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Choose whether blocks recompute their activations in the backward pass instead of keeping them."""
        self.encoder.gradient_checkpointing = enabled

    def forward(self, ids: Tensor) -> Tensor:
        x = self.widen(self.embedding(ids)) + self.positions[:, : ids.shape[1]]
        x = self.encoder(x)
        embedding: Tensor = self.head(x[:, -1])
        return embedding


def padded_ids(texts: Sequence[str], tokenizer: Tokenizer, length: int) -> Tensor:
    """Lower-cased texts to ids int64 `[B,length]`, cut to `length - 1` tokens, ended and padded with EOS."""
    ids = torch.full((len(texts), length), tokenizer.eos_id)
    for row, text in enumerate(texts):
        tokens = tokenizer.encode(text.lower(), max_length=length - 1)
        ids[row, : len(tokens)] = torch.tensor(tokens)
    return ids


def _widening(narrow: int, width: int) -> nn.Linear:
    """Initialised so that widened tokens have the standard deviation of a full table, `width**-0.5`."""
    widening = nn.Linear(narrow, width, bias=False)
    nn.init.normal_(widening.weight, std=width**-0.5)
    return widening
