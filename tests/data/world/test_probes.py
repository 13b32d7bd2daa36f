from __future__ import annotations

import numpy as np
import pytest

from pali3kit.data.world import names, probes
from pali3kit.data.world.classes import MAX_CLASSES, scene_classes
from pali3kit.errors import DataError


def test_there_are_eight():
    assert len(set(probes.TASKS)) == 8


@pytest.mark.parametrize("name", probes.TASKS)
def test_shapes_and_balance(name):
    probe = probes.create_probe(name)
    (train, train_labels), (test, test_labels) = probe.images("train"), probe.images("test")
    number = len(probe.classes)
    assert (len(train), len(test)) == (probe.size("train"), probe.size("test"))
    for images, labels in ((train, train_labels), (test, test_labels)):
        assert images.shape == (len(labels), 64, 64, 3) and images.dtype == np.uint8
        counts = np.bincount(labels, minlength=number)
        assert len(counts) == number and counts.min() == counts.max()
    assert np.bincount(train_labels).min() >= 20 and len(test_labels) <= 1500
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}


def test_repeatable_and_seeded():
    probe = probes.create_probe("count")
    first, again, other = probe.images("train"), probe.images("train"), probe.images("train", seed=1)
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    assert (first[0] != other[0]).any()


def test_image_size():
    assert probes.create_probe("digits").images("train", image_size=96)[0].shape == (400, 96, 96, 3)


def test_probe_images_never_occur_in_scenes():
    assert not set(probes._unseen()) & set(scene_classes(MAX_CLASSES))
    assert all(names.subgroup(flag) == "country-flag" for flag in probes._flags())
    assert len(set(probes._flags())) == len(set(probes.create_probe("flag").classes)) == 32


def test_unknown_task():
    with pytest.raises(DataError, match=r"no probe task 'flags'.*Did you mean 'flag'"):
        probes.create_probe("flags")


def test_digits_are_all_there():
    images, labels = probes._digit_images()
    assert images.shape == (1797, 8, 8) and images.max() == 16
    assert np.bincount(labels).min() > 170
