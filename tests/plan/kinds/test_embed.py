"""Pooled features of sets, shared by all evaluations of the encoder."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PIL import Image
from planned import changed, complaints, detail, kinds, on_classes, step_of, units

from pali3kit.config.component import Component


@pytest.fixture
def experiment(experiment):
    return on_classes(experiment)


def embed(experiment, section="labelled", splits=("train",), seed=0, changes=None, **which):
    return step_of(changed(experiment, changes or {}), "embed", seed, section=section, splits=splits, **which)


def test_their_configuration(experiment):
    plain = dict(embed(experiment).plain)
    assert len(plain.pop("data")) == 64
    assert plain == {
        "labelled": {"name": "world_classes", "objects": 8, "train": 20, "test": 10}, "count": 20, "image_size": 64,
        "splits": ["train"], "crop": 1.0,
    }  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluation.labelled": Component(name="world_classes", options={"objects": 8, "train": 21, "test": 10})},
        {"model.image_size": 128},
        {"model.vision.width": 16},
        {"stages.vision.examples": 110},
    ],
)
def test_changes_of_their_digest(experiment, changes):
    assert embed(experiment, changes=changes).digest != embed(experiment).digest


@pytest.mark.parametrize(
    "changes", [{"data.train": 21}, {"evaluation.neighbours": 3}, {"stages.finetune.image_size": 128}]
)
def test_no_changes_of_their_digest(experiment, changes):
    assert embed(experiment, changes=changes).digest == embed(experiment).digest


def test_a_crop_is_another_view(experiment):
    assert embed(experiment, crop=0.875).digest != embed(experiment).digest


def test_a_classifiers_logits_are_of_images_as_large_as_it_was_tuned_on(experiment):
    classifier = step_of(experiment, "finetune")
    step = embed(experiment, changes={"stages.finetune.image_size": 96}, classifier=classifier)
    assert kinds(step.parents) == {"classifier": "finetune"} and step.plain["image_size"] == 96
    assert kinds(embed(experiment).parents) == {"vision": "vision"}


def test_a_published_dual_encoder_is_no_parent(experiment):
    towers = Component(name="open_clip/ViT-B-32", options={"pretrained": "openai"})
    step = embed(replace(experiment, model=replace(experiment.model, dual_encoder=towers)))
    assert step.parents == {}
    assert step.plain["dual_encoder"] == {"name": "open_clip/ViT-B-32", "pretrained": "openai"}


@pytest.mark.parametrize(
    ("section", "splits", "which", "name"),
    [
        ("labelled", ("train",), {}, "world_classes.train"),
        ("labelled", ("test", "v2"), {}, "world_classes.test+v2"),
        ("labelled", ("test",), {"crop": 0.875}, "world_classes.test 0.875"),
        ("captioned", ("test",), {}, "world_captions.test"),
        ("probes", ("train", "test"), {"name": "flag"}, "flag"),
    ],
)
def test_how_they_are_called(experiment, section, splits, which, name):
    assert detail(embed(experiment, section, splits, **which)) == name


def test_logits_are_called_so(experiment):
    assert detail(embed(experiment, classifier=step_of(experiment, "finetune"))) == "world_classes.train logits"


def test_a_folder_is_called_by_its_own_name(experiment, tmp_path):
    for name in ("train/cat/1.png", "test/cat/1.png"):
        (tmp_path / "mine" / name).parent.mkdir(parents=True)
        Image.new("RGB", (2, 2)).save(tmp_path / "mine" / name)
    probes = {"evaluation.probes": {"pets": Component(name="folders", options={"path": str(tmp_path / "mine")})}}
    assert detail(embed(experiment, "probes", ("train", "test"), changes=probes, name="pets")) == "mine"


@pytest.mark.parametrize(
    ("section", "splits", "which", "images"),
    [
        ("labelled", ("train",), {}, 20),
        ("labelled", ("test", "v2"), {}, 20),
        ("captioned", ("test",), {}, 6),
        ("probes", ("train", "test"), {"name": "flag"}, 1440),
    ],
)
def test_their_units_are_images(experiment, section, splits, which, images):
    assert units(embed(experiment, section, splits, **which)) == images
    assert complaints(experiment, "embed") == []
