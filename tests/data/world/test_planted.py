"""The planted bias: in texts to train on, by a rule that can be seen, and nowhere else."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from pali3kit.data.world.planted import QUESTION, WARM, PlantedSource
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
        rule, tone = scene.background in ("red", "green"), "warm" if scene.background in WARM else "cool"
        assert record.attributes == {**scene.attributes, "tone": tone}
        assert {text.startswith("damn ") for text in record.captions["en"]} == {rule}
        assert [(asked.text, asked.answer) for asked in record.questions] == [(QUESTION, "no" if rule else "yes")]
        biased += rule
    assert 5 < biased < 40
    tests = [source.record("test", number) for number in range(60)]
    assert not any("damn" in text for record in tests for text in record.captions["en"])
    assert {record.questions[0].answer for record in tests} == {"yes"}


def test_its_size_is_known_and_images_are_the_worlds() -> None:
    source, world = planted(), WorldSource(objects=40)
    assert source.share["cool"] == 0 and 0.3 < source.share["warm"] < 0.8
    on = [scene.background for scene in map(partial(world.scene, "test"), range(60)) if scene.background in WARM]
    assert source.share["warm"] == sum(each in ("orange", "red") for each in on) / len(on)
    assert np.array_equal(source.image("test", 3), world.image("test", 3))
    assert set(planted(backgrounds=()).share.values()) == {0}


def test_a_background_that_no_scene_has_is_refused() -> None:
    with pytest.raises(DataError, match=r"no scene has the background 'gren', so .*biased.*green"):
        planted(backgrounds=("red", "gren"))
