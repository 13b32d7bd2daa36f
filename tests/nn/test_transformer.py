"""The shared encoder: shapes, initialisation and permutation symmetry."""

from __future__ import annotations

import torch

from pali3kit.nn.transformer import MLP, TransformerEncoder


def test_a_block_is_residual_and_the_stack_ends_in_a_norm() -> None:
    encoder = TransformerEncoder(width=16, depth=2, heads=2, mlp=32)
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "out." in name or "down." in name:
                parameter.zero_()  # every branch off: only the last norm is left
    x = torch.randn(3, 5, 16)
    torch.testing.assert_close(encoder(x), encoder.norm(x))


def test_without_positions_the_encoder_is_blind_to_order() -> None:
    encoder = TransformerEncoder(width=16, depth=2, heads=2, mlp=32)
    x, order = torch.randn(1, 6, 16), torch.randperm(6)
    torch.testing.assert_close(encoder(x)[:, order], encoder(x[:, order]), atol=1e-5, rtol=1e-4)


def test_the_mlp_uses_the_tanh_form_of_gelu() -> None:
    mlp = MLP(4, 8)
    x = torch.randn(3, 4)
    hidden = torch.nn.functional.gelu(mlp.up(x), approximate="tanh")
    torch.testing.assert_close(mlp(x), mlp.down(hidden))


def test_initial_biases_are_big_visions() -> None:
    encoder = TransformerEncoder(width=64, depth=1, heads=2, mlp=128)
    block = encoder.blocks[0]
    assert block.attention.query.bias.abs().max() == 0
    assert 0 < block.mlp.up.bias.abs().max() < 1e-5
