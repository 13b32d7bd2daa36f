from __future__ import annotations

import pytest

from pali3kit.data.world import textures
from pali3kit.data.world.palette import TEXTURES


@pytest.mark.parametrize("texture", TEXTURES)
@pytest.mark.parametrize("side", [64, 96, 128])
def test_patterns_cover_two_pictures_within_the_contrast(texture, side):
    for sample in range(textures.SAMPLES):
        pattern = textures.pattern(texture, sample, side)
        assert min(pattern.shape) >= 2 * side - 1
        assert abs(pattern).max() <= textures.CONTRAST


def test_textures_differ():
    patterns = {textures.pattern(texture, 0, 64).tobytes() for texture in TEXTURES}
    assert len(patterns) == len(TEXTURES)


def test_stripes_run_across_and_bars_run_down():
    stripes, bars = textures.pattern("stripes", 0, 64), textures.pattern("bars", 0, 64)
    assert (stripes == stripes[:, :1]).all() and (bars == bars[:1]).all()
