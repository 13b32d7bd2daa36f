"""The embedded world's sets for an encoder alone."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest

from pali3kit.config.world import Artist, WorldTask
from pali3kit.data.sets.world import WorldCaptions, WorldClasses, WorldProbe
from pali3kit.data.world import atlas, captions, probes
from pali3kit.data.world.world import World


def test_tasks_and_artists_are_those_of_the_world() -> None:
    assert get_args(WorldTask) == probes.TASKS
    assert get_args(Artist) == atlas.ARTISTS


def test_a_probe_knows_its_size_without_drawing() -> None:
    images = WorldProbe("count")
    assert (images.size("train"), images.size("test"), images.size("v2")) == (160, 400, 0)
    assert "_arrays" not in vars(images)
    train, labels = probes.create_probe("count").images("train")
    np.testing.assert_array_equal(images.image("train", 5), train[5])
    np.testing.assert_array_equal(images.labels("train"), labels)
    assert images.relabelled("test") is None and images.classes == ("1", "2", "3", "4")


def test_scenes_are_labelled_by_their_largest_thing() -> None:
    images, world = WorldClasses(objects=16, train=5, test=30), World(objects=16)
    right = images.relabelled("test")
    assert right is not None
    for index, label in enumerate(images.labels("test")):
        scene = world.scene("test", index)
        areas = {
            thing.emoji: (thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1])
            for thing in sorted(scene.things, key=lambda thing: thing.box[2] - thing.box[0])
        }
        assert areas[world.classes[label]] == max(
            (thing.box[2] - thing.box[0]) * (thing.box[3] - thing.box[1]) for thing in scene.things
        )
        assert label in right[index] and len(right[index]) == len({thing.emoji for thing in scene.things})
    assert max(map(len, right)) > 1 and images.relabelled("v2") is None


def test_v2_is_other_scenes_by_the_other_artist() -> None:
    images = WorldClasses(objects=16, train=5, test=8)
    other = World(objects=16, artist="twemoji")
    np.testing.assert_array_equal(images.image("v2", 3), other.render(other.scene("test", 11)))
    assert [images.size(split) for split in ("train", "test", "v2", "val")] == [5, 8, 8, 0]


@pytest.mark.parametrize("language", ["en", "hi"])
def test_every_image_has_two_captions_in_every_language(language: str) -> None:
    images, world = WorldCaptions(objects=16, test=6), World(objects=16, artist="twemoji")
    said = images.captions(language)
    assert [owner for owner, _ in said] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5]
    assert [text for owner, text in said if owner == 4] == list(
        captions.references(world.scene("test", 4), language)[:2]
    )
    assert len(images.languages) == 36 and images.size("train") == 0


def test_digests_differ_by_option() -> None:
    digests = {
        WorldProbe("count").digest,
        WorldProbe("flag").digest,
        WorldProbe("flag", image_size=96).digest,
        WorldClasses().digest,
        WorldClasses(test=7).digest,
        WorldCaptions().digest,
        WorldCaptions(artist="noto").digest,
    }
    assert len(digests) == 7 and WorldProbe("flag").digest in digests
