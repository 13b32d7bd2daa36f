"""The projector of two layers."""

from __future__ import annotations

import torch
from torch.nn.functional import gelu

from pali3kit.projector.mlp import MLPProjector


def test_it_is_two_layers() -> None:
    projector = MLPProjector(8, 16, hidden=12)
    assert sum(p.numel() for p in projector.parameters()) == 8 * 12 + 12 + 12 * 16 + 16
    tokens = torch.randn(2, 6, 8)
    up, down = projector.mlp.up, projector.mlp.down
    hidden = gelu(tokens @ up.weight.T + up.bias, approximate="tanh")
    torch.testing.assert_close(projector(tokens, (2, 3)), hidden @ down.weight.T + down.bias)
    assert MLPProjector(8, 16).mlp.up.out_features == 16


def test_positions_are_added_to_the_output() -> None:
    torch.manual_seed(0)
    plain = MLPProjector(8, 16)
    placed = MLPProjector(8, 16, positions="sine2d")
    placed.load_state_dict(plain.state_dict())
    tokens = torch.zeros(1, 6, 8)
    assert not torch.equal(plain(tokens, (2, 3)), placed(tokens, (2, 3)))
