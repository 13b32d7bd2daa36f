"""SigLIP's text tower: the ViT's encoder over token ids, without a causal mask (big_vision `text_transformer`)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pali3kit.nn.transformer import Encoder


class TextTower(nn.Module):
    """`[B,L]` token ids to embeddings `[B,E]`: the output at the last position, through a dense head.

    Sequences must be padded to `length` with the end token ("sticky EOS"), so that the last position always holds one.
    There is no padding mask, as in big_vision.
    """

    def __init__(self, vocabulary: int, length: int, out: int, width: int, depth: int, heads: int, mlp: int) -> None:
        super().__init__()
        self.depth, self.heads, self.mlp = depth, heads, mlp
        self.embedding = nn.Embedding(vocabulary, width)
        nn.init.normal_(self.embedding.weight, std=width**-0.5)
        self.positions = nn.Parameter(torch.randn(1, length, width) * width**-0.5)
        self.encoder = Encoder(width, depth, heads, mlp)
        self.head = nn.Linear(width, out)

    def forward(self, ids: Tensor) -> Tensor:
        tokens = self.encoder(self.embedding(ids) + self.positions[:, : ids.shape[1]])
        return self.head(tokens[:, -1])  # type: ignore[no-any-return]
