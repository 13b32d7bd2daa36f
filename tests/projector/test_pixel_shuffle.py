"""Squares of tokens."""

from __future__ import annotations

import pytest
import torch

from pali3kit.errors import ConfigError
from pali3kit.projector.pixel_shuffle import PixelShuffleProjector


def test_each_token_is_of_one_square_in_raster_order() -> None:
    """On a grid of 2 x 6 with squares of 2: tokens 0, 1, 6 and 7 are the first square."""
    projector = PixelShuffleProjector(3, 5, factor=2)
    tokens = torch.randn(2, 12, 3)
    out = projector(tokens, (2, 6))
    assert out.shape == (2, 3, 5)
    square = tokens[:, [2, 3, 8, 9]].flatten(1)
    torch.testing.assert_close(out[:, 1], square @ projector.linear.weight.T + projector.linear.bias)


def test_it_equals_torchs_pixel_unshuffle() -> None:
    """Up to the order of the channels within a square."""
    tokens = torch.randn(1, 24, 3)
    projector = PixelShuffleProjector(3, 12, factor=2)
    with torch.no_grad():
        projector.linear.weight.copy_(torch.eye(12))
    out = projector(tokens, (4, 6))
    peer = torch.nn.functional.pixel_unshuffle(tokens.view(1, 4, 6, 3).permute(0, 3, 1, 2), 2)  # [1, 3*4, 2, 3]
    expected = peer.view(1, 3, 4, 6).permute(0, 3, 2, 1).flatten(2)
    torch.testing.assert_close(out, expected)


def test_squares_must_fill_the_grid() -> None:
    with pytest.raises(ConfigError, match="squares of 2 tokens do not fill a grid of 3x4"):
        PixelShuffleProjector(3, 5)(torch.randn(1, 12, 3), (3, 4))
