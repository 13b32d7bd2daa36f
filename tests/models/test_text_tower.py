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


def test_a_bottleneck_is_a_narrow_table_and_a_matrix() -> None:
    torch.manual_seed(0)
    shape = {"length": 4, "out": 6, "width": 64, "depth": 1, "heads": 2, "mlp": 16}
    wide, narrow = TextTower(5000, **shape), TextTower(5000, **shape, bottleneck=8)
    assert narrow.embedding.weight.shape == (5000, 8) and narrow.widen.weight.shape == (64, 8)
    count = {name: sum(p.numel() for p in tower.parameters()) for name, tower in (("wide", wide), ("narrow", narrow))}
    assert count["wide"] - count["narrow"] == 5000 * (64 - 8) - 64 * 8
    ids = torch.arange(5000)
    start = narrow.widen(narrow.embedding(ids))
    assert abs(start.std() / wide.embedding(ids).std() - 1) < 0.2  # tokens start with the same deviation as without
    assert narrow(torch.tensor([[3, 4, 1, 1]])).shape == (1, 6)
