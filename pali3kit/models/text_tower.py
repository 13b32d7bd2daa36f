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
    There is no padding mask, as in big_vision. With a `bottleneck` K the table of tokens is `[V,K]` and a matrix
    `[K,width]` widens it, as in the multilingual SigLIP (250 thousand tokens, K = 96).
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

    def recompute(self, wanted: bool) -> None:
        """Whether activations are computed again in the backward pass instead of kept."""
        self.encoder.checkpointing = wanted

    def forward(self, ids: Tensor) -> Tensor:
        tokens = self.encoder(self.widen(self.embedding(ids)) + self.positions[:, : ids.shape[1]])
        embedded: Tensor = self.head(tokens[:, -1])
        return embedded


def padded_ids(texts: Sequence[str], tokenizer: Tokenizer, length: int) -> Tensor:
    """Texts, lower-cased, to ids int64 `[B,length]`: each ends with EOS and is padded with it, so that the last
    position always holds one.
    """
    ids = torch.full((len(texts), length), tokenizer.eos_id)
    for row, text in enumerate(texts):
        tokens = tokenizer.encode(text.lower(), max_length=length - 1)
        ids[row, : len(tokens)] = torch.tensor(tokens)
    return ids


def _widening(narrow: int, width: int) -> nn.Linear:
    """A matrix that gives tokens of deviation `narrow**-0.5` the deviation that they would have without it."""
    widening = nn.Linear(narrow, width, bias=False)
    nn.init.normal_(widening.weight, std=width**-0.5)
    return widening
