from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pali3kit.data.world import render
from pali3kit.data.world.palette import INK, PLATES, TEXTURES
from pali3kit.data.world.scene import Scene, SceneThing, Sign

CAT = "\U0001f408"
EMPTY = Scene("train", 0, 64, "noto", "white", "plain", (), ())


def thing(y, x, tile=None):
    return SceneThing(CAT, (0, 0, 0, 0), "small", tile, (y, x), 20)


def test_an_empty_scene_is_its_background():
    assert (render.render(EMPTY) == render._background(EMPTY)).all()
    assert len(np.unique(render._background(EMPTY).reshape(-1, 3), axis=0)) == 1


def test_a_thing_changes_only_its_own_pixels():
    scene = replace(EMPTY, things=(thing(10, 20),))
    changed = (render.render(scene) != render.render(EMPTY)).any(axis=2)
    assert changed.any() and not changed[:10].any() and not changed[:, :20].any()
    shown = render.visible_things(scene.things, (), "noto", 64)
    assert (changed | (shown < 0)).mean() > 0.99  # white fur on white may stay as it is


def test_later_things_and_signs_cover_earlier_ones():
    under = render.visible_things((thing(10, 10),), (), "noto", 64)
    both = render.visible_things((thing(10, 10), thing(12, 14)), (), "noto", 64)
    assert (both == 0).sum() < (under == 0).sum()
    assert ((both == 0) <= (under == 0)).all()
    sign = Sign("bako", "red", (8, 8, 40, 60), 9)
    assert (render.visible_things((thing(10, 10),), (sign,), "noto", 64)[8:40, 8:60] == -1).all()


def test_a_disc_covers_things_and_belongs_to_none():
    both = render.visible_things((thing(10, 10), thing(14, 14, "red")), (), "noto", 64)
    bare = render.visible_things((thing(10, 10), thing(14, 14)), (), "noto", 64)
    assert (both == 0).sum() < (bare == 0).sum()
    assert (both == 1).sum() == (bare == 1).sum()


@pytest.mark.parametrize("colour", PLATES)
def test_a_sign_is_a_plate_with_ink(colour):
    scene = replace(EMPTY, signs=(Sign("bako", colour, (20, 10, 33, 45), 9),))
    plate = render.render(scene)[20:33, 10:45].reshape(-1, 3)
    assert (plate == PLATES[colour]).all(1).any() and (plate == INK).all(1).any()


def test_pasting_is_clipped_at_the_edges():
    canvas = np.zeros((8, 8, 3), np.uint8)
    render.paste(canvas, np.full((6, 6, 4), 255, np.uint8), -3, 5)
    assert (canvas[:3, 5:] == 255).all() and canvas.sum() == 255 * 3 * 9


@pytest.mark.parametrize("diameter", [7, 20, 33])
def test_disc_has_the_area_of_a_circle_and_its_symmetry(diameter):
    disc = render._disc(diameter)
    assert disc.sum() / 255 == pytest.approx(np.pi * diameter**2 / 4, rel=0.02)
    assert (disc == disc.T).all() and (disc == disc[::-1]).all()


@pytest.mark.parametrize("texture", TEXTURES)
@pytest.mark.parametrize("side", [64, 96, 128])
def test_patterns_cover_two_images_within_the_contrast(texture, side):
    for sample in range(render.TEXTURE_SAMPLES):
        pattern = render._texture(texture, sample, side)
        assert min(pattern.shape) >= 2 * side - 1
        assert abs(pattern).max() <= render.CONTRAST


def test_textures_differ():
    patterns = {render._texture(texture, 0, 64).tobytes() for texture in TEXTURES}
    assert len(patterns) == len(TEXTURES)


def test_stripes_run_across_and_bars_run_down():
    stripes, bars = render._texture("stripes", 0, 64), render._texture("bars", 0, 64)
    assert (stripes == stripes[:, :1]).all() and (bars == bars[:1]).all()
