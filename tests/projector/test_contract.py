"""The interface of projectors."""

from __future__ import annotations

import pytest
import torch

from pali3kit.errors import ConfigError
from pali3kit.projector.contract import Projector
from pali3kit.projector.linear import LinearProjector
from pali3kit.projector.mlp import MLPProjector
from pali3kit.projector.pixel_shuffle import PixelShuffleProjector
from pali3kit.projector.resampler import ResamplerProjector

PROJECTORS = {
    "linear": LinearProjector(6, 8),
    "mlp": MLPProjector(6, 8),
    "squares of 2": PixelShuffleProjector(6, 8, factor=2),
    "squares of 3": PixelShuffleProjector(6, 8, factor=3),
    "resampler": ResamplerProjector(6, 8, tokens=5, depth=1, heads=2),
}


@pytest.mark.parametrize("grid", [(6, 6), (6, 12)])
@pytest.mark.parametrize("name", PROJECTORS)
def test_out_tokens_is_the_number_of_output_tokens(name: str, grid: tuple[int, int]) -> None:
    projector = PROJECTORS[name]
    assert isinstance(projector, Projector)
    out = projector(torch.randn(2, grid[0] * grid[1], 6), grid)
    assert out.shape == (2, projector.out_tokens(grid), 8)


def test_squares_must_fill_the_grid() -> None:
    with pytest.raises(ConfigError, match="squares of 2 tokens do not fill a grid of 3x4"):
        PixelShuffleProjector(3, 5).out_tokens((3, 4))


def test_abstract_methods_raise() -> None:
    with pytest.raises(NotImplementedError):
        Projector()(torch.zeros(1, 4, 6), (2, 2))
