from __future__ import annotations

import pytest

from pali3kit.data.world import classes, names
from pali3kit.errors import DataError


def test_default_classes_have_a_name_of_their_own_in_every_language():
    chosen = classes.scene_classes(64)
    assert len(set(chosen)) == 64
    for language in names.LANGUAGES:
        every = [name.casefold() for name in names.in_language(language).names]
        assert all(every.count(names.in_language(language).name(one).casefold()) == 1 for one in chosen)


def test_default_classes_are_diverse_concrete_and_short():
    chosen = classes.scene_classes(64)
    assert len({names.subgroup(one) for one in chosen}) > 20
    assert {names.subgroup(one) for one in chosen} <= set(classes.GROUPS)
    assert max(len(names.in_language("en").name(one).split()) for one in chosen) <= 2


def test_classes_come_in_pairs_that_differ_visibly():
    chosen = classes.scene_classes(64)
    for first, second in zip(chosen[::2], chosen[1::2], strict=True):
        assert names.subgroup(first) == names.subgroup(second)
        assert classes.sprite_difference(first, second) >= classes.TOO_ALIKE


def test_fewer_objects_are_the_first_of_more():
    assert classes.scene_classes(20) == classes.scene_classes(128)[:20]


@pytest.mark.parametrize("objects", [0, 129])
def test_too_many_objects_are_refused(objects):
    with pytest.raises(DataError, match=f"world.objects: {objects}: choose 1 to 128"):
        classes.scene_classes(objects)
