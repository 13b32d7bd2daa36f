"""The stages on the encoder alone: shared features, and dual encoders."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from planned import changed, kinds
from planned import on_classes as small

from pali3kit.config.component import Component
from pali3kit.plan import content
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.encoder import (
    DualEncoderConfig,
    dual_encoder_fields,
    dual_encoder_steps,
    labelled_features,
    labelled_test_splits,
)
from pali3kit.plan.graph import build


def on(experiment, labelled, *columns):
    """The fake experiment with some columns that classify a set."""
    evaluation = replace(experiment.evaluation, labelled=labelled)
    return build(replace(experiment, evaluate=list(columns), evaluation=evaluation))


def on_classes(experiment, **options):
    """The fake experiment with all columns that classify without texts, on scenes of the world."""
    chosen = {"objects": 8, "train": 20, "test": 10, **options}
    return on(experiment, Component(name="world_classes", options=chosen), "finetune", "linear", "knn")


def test_features_are_shared_by_all_that_read_them(experiment):
    columns = on_classes(experiment).cells[0].columns
    assert columns["linear"].parents == columns["knn"].parents
    logits = columns["finetune"].parents["test"]
    assert logits.plain["labelled"] == columns["knn"].parents["test"].plain["labelled"]
    assert {logits.plain["image_size"], columns["knn"].parents["test"].plain["image_size"]} == {
        experiment.stages.finetune.image_size or experiment.model.image_size,
        experiment.model.image_size,
    }


def test_training_does_not_depend_on_test_sets(experiment, tmp_path):
    """Neither ReaL's labels nor ImageNet-v2 may repeat a fine-tuning on ImageNet, which takes days."""
    for name in ("train/n0/a.png", "val/n0/ILSVRC2012_val_00000001.png", "v2/0/b.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"an image")
    (tmp_path / "real.json").write_text("[[0]]")

    def steps(**options):
        part = Component(name="imagenet", options={"path": str(tmp_path), **options})
        return {step.label: step.digest for step in on(experiment, part, "finetune", "linear").steps}

    before, told = steps(), steps(real=str(tmp_path / "real.json"), v2=str(tmp_path / "v2"))
    learned = {label for label in before if told.get(label) == before[label]}
    assert {"finetune siglip", "embed/imagenet.train siglip"} <= learned
    assert not {"embed/imagenet.test siglip", "classify/finetune siglip", "linear siglip"} & learned


def test_the_other_files_of_a_model_folder_are_hashed(experiment, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "preprocessor_config.json").write_text("{}")
    towers = Component(name=f"hf/{tmp_path}", options={})
    whole = replace(experiment, evaluate=["zero_shot"], model=replace(experiment.model, dual_encoder=towers))
    before = {step.label: step.digest for step in build(whole).steps}
    (tmp_path / "preprocessor_config.json").write_text('{"size": 384}')
    content._sha256.cache_clear()
    after = {step.label: step.digest for step in build(whole).steps}
    assert before.keys() == after.keys() and not set(before.values()) & set(after.values())


def test_a_probe_may_have_any_name(experiment):
    probes = {
        name: Component(name="world_probe", options={"task": "count"}) for name in ("config", "kind", "captioned")
    }
    given = replace(experiment, evaluate=["probe"], evaluation=replace(experiment.evaluation, probes=probes))
    assert set(build(given).cells[0].columns["probe"].parents) == set(probes)


@pytest.fixture
def cell(experiment):
    return lambda **changes: CellSteps(changed(small(experiment), changes), 0)


def towers(name="open_clip/ViT-B-32", **options):
    return {"model.dual_encoder": Component(name=name, options=options)}


def test_features_of_a_set_are_made_once_however_often_they_are_asked_for(cell):
    one = cell()
    assert labelled_features(one, ("train",), 1.0) is labelled_features(one, ("train",), 1.0)
    assert labelled_features(one, ("train",), 1.0) is not labelled_features(one, ("train",), 0.875)


def test_the_splits_that_are_tested_are_those_that_there_are(cell, tmp_path):
    for split in ("train", "test"):
        (tmp_path / split / "a").mkdir(parents=True)
        (tmp_path / split / "a" / "1.png").write_bytes(b"an image")
    mine = Component(name="folders", options={"path": str(tmp_path)})
    assert labelled_test_splits(cell()) == ("test", "v2")
    assert labelled_test_splits(cell(**{"evaluation.labelled": mine})) == ("test",)


def test_a_published_dual_encoder_has_the_digest_of_its_weights(cell, tmp_path):
    assert dual_encoder_fields(cell()) == {}
    assert dual_encoder_fields(cell(**towers(pretrained="openai"))) == {
        "dual_encoder": {"name": "open_clip/ViT-B-32", "pretrained": "openai"}, "weights": "open_clip/2",
    }  # fmt: skip
    (tmp_path / "mine.safetensors").write_bytes(b"weights")
    told = dual_encoder_fields(cell(**towers(pretrained=str(tmp_path / "mine.safetensors"))))
    assert told["weights"] == f"{sha256(b'weights').hexdigest()} open_clip/2"


@pytest.mark.parametrize(
    ("changes", "roles"),
    [
        ({}, {"dual_encoder": "lit", "tokenizer": "tokenizer"}),
        ({"evaluation.text_tower": "own"}, {"dual_encoder": "vision", "tokenizer": "tokenizer"}),
        (towers(pretrained="openai"), {}),
        ({**towers(pretrained="openai"), "evaluation.text_tower": "own"}, {}),
    ],
)
def test_which_steps_read_texts(cell, changes, roles):
    assert kinds(dual_encoder_steps(cell(**changes))) == roles


def test_without_a_published_dual_encoder_the_fields_are_left_out():
    assert DualEncoderConfig().plain() == {}
    assert DualEncoderConfig(dual_encoder={"name": "hf/x"}, weights="0").plain() == {
        "dual_encoder": {"name": "hf/x"},
        "weights": "0",
    }
