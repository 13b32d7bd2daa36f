"""The linear projector."""

from __future__ import annotations

import torch

from pali3kit.projector.linear import LinearProjector
from pali3kit.projector.positions import _frame_sines, _sine_positions


def test_it_is_one_linear_layer() -> None:
    projector = LinearProjector(8, 16)
    tokens = torch.randn(2, 6, 8)
    assert sum(p.numel() for p in projector.parameters()) == 8 * 16 + 16
    torch.testing.assert_close(projector(tokens, (2, 3)), tokens @ projector.linear.weight.T + projector.linear.bias)


def test_sines_are_added_on_the_given_grid() -> None:
    projector = LinearProjector(8, 16, positions="sine2d")
    tokens = torch.zeros(1, 6, 8)
    torch.testing.assert_close(projector(tokens, (2, 3))[0], _sine_positions((2, 3), 16))


def test_numbers_of_images_are_added_if_asked_for() -> None:
    tokens = torch.randn(2, 3, 5, 16)
    assert LinearProjector(8, 16).with_frames(tokens) is tokens
    added = LinearProjector(8, 16, frame_positions="sine").with_frames(tokens) - tokens
    torch.testing.assert_close(added, _frame_sines(3, 16)[None, :, None].expand_as(tokens))
    sines = _frame_sines(16, 128)
    distances = torch.cdist(sines, sines) + 1e3 * torch.eye(16)
    torch.testing.assert_close(sines.pow(2).mean(), torch.tensor(1.0))
    assert distances.min().pow(2) > 0.1 * 128  # images are told apart
