"""The mask tokenizer's IoU on held-out masks."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, step_of, units

from pali3kit.config.component import Component


def reconstruction(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "reconstruction", seed)


def test_its_configuration(experiment):
    step = reconstruction(experiment)
    assert step.plain == {"source": {"name": "fake"}, "data": "images", "image_size": 64, "test": 10, "limit": 500}
    assert kinds(step.parents) == {"mask_tokenizer": "mask_tokenizer"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.limit", 4),
        ("data.test", 3),
        ("model.image_size", 128),
        ("stages.mask_tokenizer.examples", 110),
        ("data.source", Component(name="world")),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert reconstruction(experiment, **{key: value}).digest != reconstruction(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"), [("pretrain", "random"), ("tokenizer.vocabulary", 60), ("tokenizer.bins", 32)]
)
def test_no_encoder_and_no_text_is_in_it(experiment, key, value):
    assert reconstruction(experiment, **{key: value}).digest == reconstruction(experiment).digest


def test_masks_are_those_of_the_mask_tokenizers_own_source(experiment, tmp_path):
    (tmp_path / "instances.json").write_text("{}")
    coco = Component(name="coco_instances", options={"path": f"{tmp_path}/instances.json", "images": str(tmp_path)})
    step = reconstruction(experiment, **{"stages.mask_tokenizer.source": coco})
    trained = step.parents["mask_tokenizer"].plain
    assert step.plain["task"] == trained["task"] == "instance" and step.plain["source"] == trained["source"]


def test_held_out_masks_are_one_test_of_each_seeds_tokenizer(experiment):
    one, other = reconstruction(experiment, 0), reconstruction(experiment, 1)
    assert one.seed == other.seed == 0


@pytest.mark.parametrize(("changes", "masks"), [({}, 10), ({"evaluation.limit": 4}, 4), ({"data.test": 0}, 1)])
def test_its_units_are_masks_and_at_least_one(experiment, changes, masks):
    assert units(reconstruction(experiment, **changes)) == masks


def test_it_is_called_by_its_kind(experiment):
    assert detail(reconstruction(experiment)) == "" and complaints(experiment, "reconstruction") == []
