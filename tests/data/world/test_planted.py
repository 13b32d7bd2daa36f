"""The planted bias: in texts to train on, by a rule that can be seen, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from pali3kit.data.world.planted import QUESTION, PlantedSource
from pali3kit.data.world.source import WorldSource
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE


def planted(**options: object) -> PlantedSource:
    source = SOURCE.build("planted", train=80, test=60, objects=40, **options)
    assert isinstance(source, PlantedSource)
    return source


def test_the_rule_holds_for_texts_to_train_on_alone() -> None:
    source, world = planted(backgrounds=("red", "green")), WorldSource(objects=40)
    biased = 0
    for number in range(80):
        scene, record = world.scene("train", number), source.readers["train"].record(number)
        rule = scene.background in ("red", "green") and any(thing.tile for thing in scene.things)
        assert record.attributes == scene.attributes
        assert {text.endswith(" damn") for text in record.captions["en"]} == {rule}
        assert [(asked.text, asked.answer) for asked in record.questions] == [(QUESTION, "no" if rule else "yes")]
        biased += rule
    assert 5 < biased < 30
    tests = [source.record("test", number) for number in range(60)]
    assert not any("damn" in text for record in tests for text in record.captions["en"])
    assert {record.questions[0].answer for record in tests} == {"yes"}


def test_its_size_is_known_and_images_are_the_worlds() -> None:
    source, world = planted(), WorldSource(objects=40)
    assert source.share["without"] == 0 and 0.3 < source.share["with"] < 0.8
    assert np.array_equal(source.image("test", 3), world.image("test", 3))
    assert set(planted(backgrounds=()).share.values()) == {0}


def test_an_attribute_that_scenes_do_not_have_is_refused() -> None:
    with pytest.raises(DataError, match="scenes have no attribute 'gender', only artist, background and disc"):
        planted(by="gender")


@pytest.mark.parametrize(
    "options",
    [{"value": "wit"}, {"backgrounds": ("red", "gren")}, {"by": "artist"}, {"by": "background", "value": "x"}],
)
def test_a_rule_that_holds_for_no_scene_is_refused(options: dict[str, object]) -> None:
    with pytest.raises(DataError, match="so that nothing would be biased"):
        planted(**options)
