"""Full fine-tuning, which does not depend on the test sets."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, on_classes, step_of, units

from pali3kit.config.component import Component


@pytest.fixture
def experiment(experiment):
    told = {"stages.finetune.examples": 40, "stages.finetune.batch_size": 10, "evaluate": ["finetune"]}
    return changed(on_classes(experiment), told)


def finetune(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "finetune", seed)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.finetune.examples", 50),
        ("stages.finetune.crop", 0.5),
        ("stages.finetune.flip", True),
        ("stages.finetune.image_size", 128),
        ("stages.finetune.optimizer.name", "adamw"),
        ("stages.vision.examples", 110),
        ("evaluation.labelled", Component(name="world_classes", options={"objects": 8, "train": 21, "test": 10})),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert finetune(experiment, **{key: value}).digest != finetune(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.finetune.image_size", 64),  # as large as ever
        ("evaluation.crop", 0.875),
        ("evaluation.neighbours", 3),
        ("data.train", 21),
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert finetune(experiment, **{key: value}).digest == finetune(experiment).digest


def test_its_images_are_as_large_as_it_says(experiment):
    plain = finetune(experiment, **{"stages.finetune.image_size": 96}).plain
    assert plain["image_size"] == 96 and "image_size" not in plain["training"]


def test_neither_new_labels_nor_a_second_test_set_repeat_days_of_training(experiment, tmp_path):
    for name in ("train/n0/a.png", "val/n0/ILSVRC2012_val_00000001.png", "v2/0/b.png"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_bytes(b"an image")
    (tmp_path / "real.json").write_text("[[0]]")

    def on(**options):
        part = Component(name="imagenet", options={"path": str(tmp_path), **options})
        return finetune(experiment, **{"evaluation.labelled": part})

    assert on(real=str(tmp_path / "real.json"), v2=str(tmp_path / "v2")).digest == on().digest


def test_its_parent_and_units(experiment):
    step = finetune(experiment)
    assert (kinds(step.parents), units(step), detail(step)) == ({"vision": "vision"}, 40, "")
    assert finetune(experiment, 1).seed == 1


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"stages.finetune.examples": 0}, "stages.finetune.examples",
         "benchmark 'finetune' needs the stage finetune, which has no examples: set stages.finetune.examples."),
        ({"stages.finetune.examples": 5}, "stages.finetune.examples",
         "stages.finetune.examples: 5 examples are less than one batch of 10"),
        ({"runtime.devices": 3}, "runtime.devices",
         "3 ranks do not divide the batch of 10 of stages.finetune;"
         " nearest: 2, by runtime.stages.finetune.devices"),
        ({"model.vision": Component(name="open_clip/ViT-B-32"), "stages.finetune.image_size": 96},
         "stages.finetune.image_size", "open_clip/ViT-B-32 works at one resolution alone: take timm/, hf/ or vit."),
        ({"model.vision": Component(name="vit", options={"size": None, "width": 8, "depth": 1, "heads": 1, "mlp": 8,
                                                    "patch": 8}), "stages.finetune.image_size": 100},
         "stages.finetune.image_size", "patch 8 does not divide 100 pixels; nearest: 96"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(experiment, changes, key, text):
    assert complaints(changed(experiment, changes), "finetune") == [(key, text)]


def test_what_nobody_asks_for_is_not_judged(experiment):
    unasked = {"evaluate": ["probe"], "stages.finetune.examples": 0, "runtime.devices": 3}
    assert complaints(changed(experiment, unasked), "finetune") == []
    assert complaints(experiment, "finetune") == []


def test_a_plug_ins_benchmark_that_trains_it_asks_for_it(experiment, add_benchmark):
    add_benchmark("robust", scored="features", kind="classify", training_stage="finetune", metric="")
    asked = changed(experiment, {"evaluate": ["robust"], "stages.finetune.examples": 0})
    [(_, text)] = complaints(asked, "finetune")
    assert text.startswith("benchmark 'robust' needs the stage finetune")
