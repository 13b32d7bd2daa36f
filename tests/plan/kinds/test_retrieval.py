"""Retrieval of texts and images."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, on_classes, step_of, units

from pali3kit.config.component import Component


@pytest.fixture
def experiment(experiment):
    return on_classes(experiment)


def retrieval(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "retrieval", seed)


def test_its_configuration(experiment):
    plain = dict(retrieval(experiment).plain)
    assert len(plain.pop("data")) == 64
    assert plain == {
        "captioned": {"name": "world_captions", "objects": 8, "test": 6}, "count": 6, "image_size": 64
    }  # fmt: skip


def test_its_images_are_embedded_once(experiment):
    step = retrieval(experiment)
    assert kinds(step.parents) == {"images": "embed", "dual_encoder": "lit", "tokenizer": "tokenizer"}
    assert step.parents["images"].plain["data"] == step.plain["data"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.captioned", Component(name="world_captions", options={"objects": 8, "test": 7})),
        ("evaluation.text_tower", "own"),
        ("stages.lit.temperature", 5.0),
        ("model.image_size", 128),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert retrieval(experiment, **{key: value}).digest != retrieval(experiment).digest


@pytest.mark.parametrize(("key", "value"), [("evaluation.crop", 0.875), ("evaluation.prompts", "photo")])
def test_no_changes_of_its_digest(experiment, key, value):
    assert retrieval(experiment, **{key: value}).digest == retrieval(experiment).digest


def test_a_published_dual_encoder_reads_texts_itself(experiment):
    towers = Component(name="open_clip/ViT-B-32", options={"pretrained": "openai"})
    step = retrieval(experiment, **{"model.dual_encoder": towers})
    assert kinds(step.parents) == {"images": "embed"} and step.plain["dual_encoder"]["pretrained"] == "openai"


def test_it_is_not_seeded_and_is_one_unit(experiment):
    step = retrieval(experiment, 2)
    assert (step.seed, units(step), detail(step)) == (0, 1, "") and complaints(experiment, "retrieval") == []
