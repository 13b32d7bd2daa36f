"""Transfers: one for each task, from the model of stage 1 or 2."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, panel, step_of, units

from pali3kit.config.stages import Recipe, ResolutionStep

TUNED = {
    "stages.resolution.steps": [ResolutionStep(image_size=96, examples=40), ResolutionStep(image_size=128, examples=5)],
    "stages.transfer.start": "resolution",
}


def transfer(experiment, benchmark="coco", seed=0, **changes):
    return step_of(changed(experiment, changes), "transfer", seed, benchmark=benchmark)


def test_its_configuration(experiment):
    plain = dict(transfer(experiment).plain)
    training = plain.pop("training")
    assert plain == {
        "source": {"name": "fake"}, "data": "images", "image_size": 64, "bins": 1000, "prompt_length": 32,
        "target_length": 32, "task": "caption",
    }  # fmt: skip
    assert training.keys() == {"examples", "batch_size", "optimizer", "label_smoothing"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.transfer.examples", 110),
        ("stages.transfer.batch_size", 5),
        ("stages.transfer.label_smoothing", 0.1),
        ("stages.transfer.num_validations", 2),
        ("stages.transfer.benchmarks", {"coco": 30}),
        ("stages.multimodal.examples", 110),
        ("stages.multimodal.target_length", 16),
        ("stages.transfer.prompt_length", 16),
        ("stages.transfer.target_length", 16),
        ("data.tasks", {"coco": "coco.caption"}),
        ("data.validation", 2),
        ("data.train", 21),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert transfer(experiment, **{key: value}).digest != transfer(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.transfer.benchmarks", {"vqav2": 30}),  # another task's
        ("stages.transfer.validation_examples", 7),  # no validations
        ("stages.mask_tokenizer.examples", 110),
        ("evaluation.beams", 4),
        ("evaluation.limit", 4),
        ("data.test", 11),
        ("stages.transfer.image_size", 64),
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert transfer(experiment, **{key: value}).digest == transfer(experiment).digest


def test_how_many_are_validated_on_matters_where_it_is_checked(experiment):
    one, other = (
        transfer(experiment, **{"stages.transfer.num_validations": 2, "stages.transfer.validation_examples": n})
        for n in (200, 7)
    )
    assert one.digest != other.digest
    assert (one.plain["benchmark"], one.plain["training"]["validation_examples"]) == ("coco", 200)


def test_expressions_are_answered_with_masks(experiment):
    parents = {"model": "multimodal", "features": "features", "tokenizer": "tokenizer"}
    assert kinds(transfer(experiment).parents) == parents
    assert kinds(transfer(experiment, "refcoco").parents) == {**parents, "mask_tokenizer": "mask_tokenizer"}
    named = transfer(experiment, "refcoco", **{"data.tasks": {"refcoco": "refs.refer"}})
    assert named.plain["task"] == "refs.refer" and "mask_tokenizer" in named.parents


def test_a_benchmark_may_call_its_task_otherwise(experiment, add_benchmark):
    add_benchmark("docvqa", task="vqa_text")
    assert transfer(experiment, "docvqa").plain["task"] == "vqa_text"
    assert transfer(experiment, "docvqa", **{"data.tasks": {"docvqa": "docs.vqa"}}).plain["task"] == "docs.vqa"


def test_a_plug_ins_mapping_of_tasks_shares_the_work(experiment, add_benchmark):
    """Equal trainings are one step, whatever benchmark uses it."""
    add_benchmark("docvqa", task="caption")
    assert transfer(experiment, "docvqa").digest == transfer(experiment, "coco").digest


def test_it_starts_from_stage_2_at_the_size_that_is_asked_for(experiment):
    last = transfer(experiment, **TUNED)
    assert kinds(last.parents)["model"] == "resolution" and last.plain["image_size"] == 128
    assert kinds(last.parents["features"].parents) == {"vision": "resolution"}
    first = transfer(experiment, **TUNED, **{"stages.transfer.image_size": 96})
    assert first.parents["model"].plain["image_size"] == first.plain["image_size"] == 96
    before = transfer(experiment, **TUNED, **{"stages.transfer.image_size": 64})
    assert before.digest == transfer(experiment).digest, "before stage 2's first step that is stage 1"


def test_a_recipe_is_laid_over_what_holds_for_all(experiment):
    own = Recipe(examples=96, batch_size=24, learning_rate=0.5, weight_decay=0.25, label_smoothing=0.3, beams=3)
    training = transfer(experiment, **{"stages.transfer.benchmarks": {"coco": own}}).plain["training"]
    assert (training["examples"], training["batch_size"], training["label_smoothing"]) == (96, 24, 0.3)
    assert (training["optimizer"]["learning_rate"], training["optimizer"]["weight_decay"]) == (0.5, 0.25)
    assert "beams" not in training and training["optimizer"]["name"] == "muon"


def test_names_and_units(experiment):
    step = transfer(experiment, "vqav2")
    assert (detail(step), panel(step), units(step)) == ("vqa", "vqa", 200)
    assert detail(transfer(experiment, **{**TUNED, "data.cache": False})) == "caption@128"
    assert panel(transfer(experiment, **{"data.tasks": {"coco": "coco.caption"}})) == "coco.caption"


def test_what_is_checked_is_named_by_what_it_is_checked_by(experiment):
    told = {"data.tasks": {"coco": "coco.caption"}, "stages.transfer.num_validations": 2}
    assert detail(transfer(experiment, **told)) == "coco/coco"


def test_each_seed_has_its_own(experiment):
    assert transfer(experiment, "coco", 1).digest != transfer(experiment).digest


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"stages.transfer.examples": 0, "stages.transfer.benchmarks": {}}, "stages.transfer.examples",
         "stages.transfer.examples should be at least 1, not 0."),
        ({"data.validation": 20}, "data.validation",
         "data.validation 20 leaves none of 20 train images to train on"),
        ({"stages.transfer.num_validations": 2}, "stages.transfer.num_validations",
         "validations use images that are not trained on: say how many, data.validation."),
        ({"stages.transfer.benchmarks": {"refcocog": 20}}, "stages.transfer.benchmarks.refcocog",
         "stages.transfer.benchmarks: 'refcocog' shares the transfer of 'refcoco': set that one instead."),
        ({"stages.transfer.benchmarks": {"textvq": 20}}, "stages.transfer.benchmarks.textvq",
         "stages.transfer.benchmarks: unknown benchmark 'textvq'. Did you mean 'textvqa'?"),
        ({"stages.transfer.benchmarks": {"vqav2": 0}}, "stages.transfer.benchmarks.vqav2",
         "the examples of vqav2 should be at least 1, not 0."),
        ({"stages.transfer.benchmarks": {"vqav2": Recipe(batch_size=300)}}, "stages.transfer.benchmarks.vqav2",
         "stages.transfer.benchmarks.vqav2: 100 examples are less than one batch of 300"),
        ({"runtime.devices": 5, "stages.transfer.benchmarks": {"vqav2": Recipe(batch_size=12)}}, "runtime.devices",
         "5 ranks do not divide the batch of 12 of stages.transfer.benchmarks.vqav2;"
         " nearest: 6, by runtime.stages.transfer.devices"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(experiment, changes, key, text):
    assert complaints(changed(experiment, changes), "transfer") == [(key, text)]


def test_checks_need_whole_weights(experiment):
    sharded = {
        "stages.transfer.num_validations": 2, "data.validation": 2, "runtime.devices": 2, "runtime.strategy": "fsdp",
        "stages.transfer.optimizer.name": "adamw",
    }  # fmt: skip
    assert complaints(changed(experiment, sharded), "transfer") == [
        (
            "stages.transfer.num_validations",
            "validations generate with whole weights: take runtime.stages.transfer.strategy ddp, or num_validations 0.",
        )
    ]


def test_a_plug_ins_benchmark_may_have_a_recipe(experiment, add_benchmark):
    add_benchmark("docvqa")
    assert complaints(changed(experiment, {"stages.transfer.benchmarks": {"docvqa": 30}}), "transfer") == []
