"""A fixed number of tokens."""

from __future__ import annotations

import torch

from pali3kit.projector.resampler import ResamplerProjector


def test_the_number_of_output_tokens_is_fixed() -> None:
    projector = ResamplerProjector(6, 16, tokens=5, depth=2, heads=4)
    for grid in ((2, 3), (7, 7)):
        assert projector(torch.randn(2, grid[0] * grid[1], 6), grid).shape == (2, 5, 16)


def test_positions_matter() -> None:
    """Attention is permutation-invariant: only the sines encode positions."""
    projector = ResamplerProjector(6, 16, tokens=5, depth=1, heads=4)
    tokens = torch.randn(1, 6, 6)
    assert not torch.allclose(projector(tokens, (2, 3)), projector(tokens.flip(1), (2, 3)), atol=1e-4)


def test_every_visual_token_has_an_effect_and_every_parameter_a_gradient() -> None:
    projector = ResamplerProjector(6, 16, tokens=3, depth=2, heads=4)
    tokens = torch.randn(1, 9, 6, requires_grad=True)
    (projector(tokens, (3, 3)) * torch.randn(1, 3, 16)).sum().backward()
    assert tokens.grad is not None and (tokens.grad.abs().sum(-1) > 0).all()
    learning = {name for name, p in projector.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert {name for name, _ in projector.named_parameters() if not name.endswith("key.bias")} <= learning
