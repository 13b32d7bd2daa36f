from __future__ import annotations

import hashlib

import numpy as np
import pytest

from pali3kit.data.world.world import World
from pali3kit.errors import DataError

# Changes with GENERATOR_VERSION or the packed assets only.
GOLDEN = "2f95c7fa72e96bd65de47e38762a3ddedf9cb1f27463e4c9963b1c994eb4091e"


def test_images_are_the_same_bytes_everywhere():
    digest = hashlib.sha256()
    for artist in ("noto", "twemoji"):
        world = World(artist=artist)
        for split in ("train", "test"):
            for index in range(8):
                digest.update(world.render(world.scene(split, index)).tobytes())
    assert digest.hexdigest() == GOLDEN


@pytest.mark.parametrize(("image_size", "artist"), [(64, "noto"), (64, "twemoji"), (128, "noto")])
def test_boxes_are_the_extent_of_the_masks(image_size, artist):
    world = World(image_size=image_size, artist=artist)
    for index in range(100):
        scene = world.scene("train", index)
        masks = world.masks(scene)
        assert masks.shape == (len(scene.things), image_size, image_size) and masks.dtype == bool
        assert masks.sum(axis=0).max() == 1  # a pixel shows one thing
        for mask, thing in zip(masks, scene.things, strict=True):
            rows, columns = np.nonzero(mask)
            assert thing.box == (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1)


def test_image_is_rgb_of_the_asked_size():
    world = World(image_size=96)
    image = world.render(world.scene("test", 3))
    assert image.shape == (96, 96, 3) and image.dtype == np.uint8


def test_labels_are_the_things_and_nothing_else():
    world = World()
    for index in range(50):
        scene = world.scene("train", index)
        labels = world.scene_labels(scene)
        assert {world.classes[label] for label in labels} == {thing.emoji for thing in scene.things}
        assert list(labels) == sorted(set(labels))


def test_digest_covers_every_option():
    options = [{}, {"image_size": 96}, {"objects": 32}, {"artist": "twemoji"}, {"seed": 1}]
    assert len({World(**option).digest for option in options}) == len(options)
    assert World().digest == World().digest


def test_wrong_options_are_errors():
    with pytest.raises(DataError, match="no artist 'apple'"):
        World(artist="apple")
    with pytest.raises(DataError, match=r"world.image_size: 32"):
        World(image_size=32)
    with pytest.raises(DataError, match="no split 'val'"):
        World().scene("val", 0)
