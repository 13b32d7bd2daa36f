from __future__ import annotations

from dataclasses import replace

import pytest

from pali3kit.config.part import Part
from pali3kit.errors import DataError
from pali3kit.plan import content
from pali3kit.plan.graph import build


def on(experiment, labelled, *columns):
    """The fake experiment with some columns that classify, on a set."""
    evaluation = replace(experiment.evaluation, labelled=labelled)
    return build(replace(experiment, evaluate=list(columns), evaluation=evaluation))


def on_classes(experiment, **options):
    """The fake experiment with everything that classifies without texts, on scenes of the world."""
    chosen = {"objects": 8, "train": 20, "test": 10, **options}
    return on(experiment, Part(name="world_classes", options=chosen), "finetune", "linear", "knn")


def test_features_are_shared_by_all_that_read_them(experiment):
    columns = on_classes(experiment).cells[0].columns
    assert columns["linear"].parents == columns["knn"].parents
    logits = columns["finetune"].parents["test"]
    assert logits.plain["labelled"] == columns["knn"].parents["test"].plain["labelled"]
    assert {logits.plain["image_size"], columns["knn"].parents["test"].plain["image_size"]} == {
        experiment.stages.finetune.image_size or experiment.model.image_size,
        experiment.model.image_size,
    }


def test_what_learns_does_not_depend_on_what_it_is_tested_on(experiment, tmp_path):
    """A fine-tuning on ImageNet takes days: neither ReaL's labels nor ImageNet-v2 may repeat it."""
    for name in ("train/n0/a.png", "val/n0/ILSVRC2012_val_00000001.png", "v2/0/b.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"a picture")
    (tmp_path / "real.json").write_text("[[0]]")

    def steps(**options):
        part = Part(name="imagenet", options={"path": str(tmp_path), **options})
        return {step.label: step.digest for step in on(experiment, part, "finetune", "linear").steps}

    before, told = steps(), steps(real=str(tmp_path / "real.json"), v2=str(tmp_path / "v2"))
    learned = {label for label in before if told.get(label) == before[label]}
    assert {"finetune siglip", "embed/imagenet.train siglip"} <= learned
    assert not {"embed/imagenet.test siglip", "classify/finetune siglip", "linear siglip"} & learned


def test_labels_of_nodes_tell_them_apart(experiment):
    labels = [step.label for step in on_classes(experiment).steps]
    assert len(set(labels)) == len(labels)


def test_what_lies_beside_the_weights_of_a_folder_belongs_to_it(experiment, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    (tmp_path / "preprocessor_config.json").write_text("{}")
    towers = Part(name=f"hf/{tmp_path}", options={})
    whole = replace(experiment, evaluate=["zero_shot"], model=replace(experiment.model, towers=towers))
    before = {step.label: step.digest for step in build(whole).steps}
    (tmp_path / "preprocessor_config.json").write_text('{"size": 384}')
    content._sha256.cache_clear()
    after = {step.label: step.digest for step in build(whole).steps}
    assert before.keys() == after.keys() and not set(before.values()) & set(after.values())


def test_a_probe_may_be_called_anything(experiment):
    probes = {name: Part(name="world_probe", options={"task": "count"}) for name in ("config", "kind", "captioned")}
    given = replace(experiment, evaluate=["probe"], evaluation=replace(experiment.evaluation, probes=probes))
    assert set(build(given).cells[0].columns["probe"].parents) == set(probes)


def test_a_split_that_is_not_there_is_told_before_anything_learns(experiment, tmp_path):
    (tmp_path / "train" / "a").mkdir(parents=True)
    (tmp_path / "train" / "a" / "1.png").write_bytes(b"a picture")
    with pytest.raises(DataError, match=r"folders .*: there are no pictures in its split 'test'"):
        on(experiment, Part(name="folders", options={"path": str(tmp_path)}), "finetune")


def test_a_class_without_a_name_cannot_be_asked_for(experiment, tmp_path):
    file = tmp_path / "val" / "n99999999" / "ILSVRC2012_val_00000001.png"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"a picture")
    part = Part(name="imagenet", options={"path": str(tmp_path)})
    with pytest.raises(DataError, match="no text can ask for class n99999999: say what it is called"):
        on(experiment, part, "zero_shot")


def test_neighbours_that_there_are_not_are_told_before_features_are_made(experiment):
    few = Part(name="world_classes", options={"objects": 8, "train": 10, "test": 5})
    with pytest.raises(DataError, match=r"evaluation\.neighbours: 20 asked of 10 train pictures"):
        on(experiment, few, "knn")
