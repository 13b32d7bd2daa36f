"""Pooling heads."""

from __future__ import annotations

import torch

from pali3kit.vision.heads import MapHead, _GapHead


def test_attention_pooling_follows_its_formula() -> None:
    head = MapHead(width=8, heads=2, mlp_width=16)
    tokens = torch.randn(3, 5, 8)
    query = head.query(head.probe).view(1, 2, 4)
    key, value = (linear(tokens).view(3, 5, 2, 4) for linear in (head.key, head.value))
    weights = (torch.einsum("ohd,bnhd->bhn", query, key) / 2).softmax(-1)
    x = head.out(torch.einsum("bhn,bnhd->bhd", weights, value).flatten(1))
    torch.testing.assert_close(head(tokens), x + head.mlp(head.norm(x)))


def test_pooling_is_permutation_invariant() -> None:
    tokens, order = torch.randn(2, 6, 8), torch.randperm(6)
    for head in (MapHead(8, 2, 16), _GapHead()):
        torch.testing.assert_close(head(tokens[:, order]), head(tokens), atol=1e-5, rtol=1e-4)
