"""SigLIP's text tower: no causal mask, the last position is the embedding."""

from __future__ import annotations

import torch

from pali3kit.models.text_tower import TextTower


def test_the_last_position_sees_every_token_and_is_pooled() -> None:
    torch.manual_seed(0)
    tower = TextTower(20, length=5, out=6, width=8, depth=2, heads=2, mlp=16).eval()
    ids = torch.tensor([[3, 4, 5, 1, 1]])
    assert tower(ids).shape == (1, 6)
    for position in range(5):
        changed = ids.clone()
        changed[0, position] = 9
        assert not torch.allclose(tower(changed), tower(ids))


def test_order_matters() -> None:
    tower = TextTower(20, length=4, out=6, width=8, depth=1, heads=2, mlp=16)
    assert not torch.allclose(tower(torch.tensor([[3, 4, 1, 1]])), tower(torch.tensor([[4, 3, 1, 1]])))
