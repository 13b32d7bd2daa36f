from __future__ import annotations

import pytest

from pali3kit.data.world import compose, palette
from pali3kit.data.world.classes import scene_classes
from pali3kit.data.world.words import invented_words
from pali3kit.errors import DataError

EMOJI = scene_classes(64)


def scenes(split="train", count=300, size=64, seed=0):
    return [compose.compose_scene(EMOJI, "noto", size, seed, split, index) for index in range(count)]


def test_scenes_are_a_function_of_their_options():
    assert scenes(count=20) == scenes(count=20)
    assert scenes(count=20) != scenes(count=20, seed=1)


def test_train_and_test_share_no_scene_and_no_word():
    train, test = scenes("train"), scenes("test")
    assert not {scene.things for scene in train} & {scene.things for scene in test}
    assert {sign.word for scene in train for sign in scene.signs} <= set(invented_words("train"))
    assert {sign.word for scene in test for sign in scene.signs} <= set(invented_words("test"))


def test_scene_statistics():
    made = scenes(count=600)
    counts = [len(scene.things) for scene in made]
    assert set(counts) == {1, 2, 3, 4}
    assert all(counts.count(number) > 0.08 * len(made) for number in set(counts))
    signed = sum(bool(scene.signs) for scene in made) / len(made)
    assert 0.5 < signed < 0.7
    repeats = sum(len({thing.emoji for thing in scene.things}) < len(scene.things) for scene in made) / len(made)
    assert 0.1 < repeats < 0.3
    assert {thing.scale for scene in made for thing in scene.things} == {"small", "big"}
    assert {scene.background for scene in made} == set(palette.BACKGROUNDS)
    assert {scene.texture for scene in made} == set(palette.TEXTURES)


@pytest.mark.parametrize("size", [64, 100, 128])
def test_scales_follow_the_image(size):
    for thing in (thing for scene in scenes(count=50, size=size) for thing in scene.things):
        low, high = compose.SIZES[thing.scale]
        assert round(low * size / 64) <= thing.size <= round(high * size / 64)


def test_signs_lie_inside_and_apart():
    for scene in scenes():
        for sign in scene.signs:
            assert min(sign.box) >= 0 and max(sign.box) <= scene.size
        if len(scene.signs) == 2:
            one, other = (sign.box for sign in scene.signs)
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_named_colours_do_not_vanish_in_the_background():
    for scene in scenes():
        assert all(thing.tile != scene.background for thing in scene.things)
        assert all(sign.colour != scene.background for sign in scene.signs)


def test_negative_index_is_refused():
    with pytest.raises(DataError, match="indices start at 0"):
        compose.compose_scene(EMOJI, "noto", 64, 0, "train", -1)
