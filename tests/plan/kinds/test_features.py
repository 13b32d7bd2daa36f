"""Stored tokens of a frozen encoder."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, step_of, units

from pali3kit.config.stages import ResolutionStep


def features(experiment, split="train", tuned=None, **changes):
    return step_of(changed(experiment, changes), "features", split=split, tuned=tuned)


def test_their_configuration(experiment):
    assert features(experiment, "test").plain == {
        "source": {"name": "fake"}, "data": "images", "image_size": 64, "split": "test", "count": 10,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value", "again"),
    [
        ("data.train", 21, {"train"}),
        ("data.test", 11, {"test"}),
        ("model.image_size", 128, {"train", "test"}),
        ("stages.vision.examples", 110, {"train", "test"}),
        ("model.language.width", 16, set()),
        ("tokenizer.bins", 32, {"train", "test"}),  # SigLIP reads texts
        ("data.validation", 2, set()),
        ("stages.multimodal.examples", 110, set()),
    ],
)
def test_which_split_is_computed_again(experiment, key, value, again):
    after = {
        split
        for split in ("train", "test")
        if features(experiment, split, **{key: value}).digest != features(experiment, split).digest
    }
    assert after == again


def test_their_encoder_is_the_pretrained_one(experiment):
    assert kinds(features(experiment).parents) == {"vision": "vision"}


def test_after_stage_2_they_are_its_encoders_at_its_size(experiment):
    tuned = changed(experiment, {"stages.resolution.steps": [ResolutionStep(image_size=96, examples=40)]})
    step = step_of(tuned, "resolution", number=0)
    of_it = features(tuned, "test", step)
    assert kinds(of_it.parents) == {"vision": "resolution"} and of_it.plain["image_size"] == 96
    assert detail(of_it) == "test@96" and detail(features(tuned, "test")) == "test"


def test_seeds_have_their_own_only_where_the_encoder_has(experiment):
    one, other = (step_of(experiment, "features", seed, split="test", tuned=None) for seed in (0, 1))
    assert one.seed == other.seed == 0 and one.digest != other.digest


@pytest.mark.parametrize(("split", "count"), [("train", 20), ("test", 10)])
def test_their_units_are_images(experiment, split, count):
    assert units(features(experiment, split)) == count


def test_no_images_are_still_a_unit(experiment):
    assert units(features(experiment, "test", **{"data.test": 0})) == 1
    assert complaints(experiment, "features") == []
