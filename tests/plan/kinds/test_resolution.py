"""Stage 2: one step for each size, each after the last."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from planned import changed, complaints, detail, kinds, panel, step_of, units

from pali3kit.config.component import Component, Optimizer
from pali3kit.config.stages import ResolutionStep
from pali3kit.errors import DataError

SIZES = [ResolutionStep(image_size=96, examples=40), ResolutionStep(image_size=128, examples=50)]


@pytest.fixture
def experiment(experiment):
    """The fake one with two steps of stage 2, from which transfers start."""
    shape = {"size": None, "width": 8, "depth": 1, "heads": 1, "mlp": 8, "patch": 8}
    return changed(
        experiment,
        {
            "stages.resolution.steps": SIZES,
            "stages.resolution.batch_size": 10,
            "stages.transfer.start": "resolution",
            "model.vision": Component(name="vit", options=shape),
        },
    )


def resolution(experiment, number=0, seed=0, **changes):
    return step_of(changed(experiment, changes), "resolution", seed, number=number)


def test_its_training_is_stage_1s_kind_with_its_own_numbers(experiment):
    training = resolution(experiment, 1).plain["training"]
    assert training.keys() == {"examples", "batch_size", "optimizer", "mixture"}
    assert (training["examples"], training["batch_size"], training["mixture"]) == (50, 10, {"splitcap": 1.0})


def test_no_tokens_are_kept_since_the_encoder_learns(experiment):
    step = resolution(experiment)
    assert kinds(step.parents) == {"model": "multimodal", "vision": "vision", "tokenizer": "tokenizer"}
    assert step.plain["count"] == experiment.data.train


def test_the_second_step_continues_the_first(experiment):
    first, second = resolution(experiment, 0), resolution(experiment, 1)
    assert kinds(second.parents) == {"model": "resolution", "vision": "resolution", "tokenizer": "tokenizer"}
    assert second.parents["model"] is second.parents["vision"] and second.parents["model"].digest == first.digest
    assert [step.plain["image_size"] for step in (first, second)] == [96, 128]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.resolution.steps", [replace(SIZES[0], examples=41), SIZES[1]]),
        ("stages.resolution.steps", [replace(SIZES[0], image_size=104), SIZES[1]]),
        ("stages.resolution.batch_size", 5),
        ("stages.resolution.mixture", {"splitcap": 1.0, "vqa": 1.0}),
        ("stages.resolution.temperature", 2.0),
        ("stages.resolution.prompt_length", 16),
        ("stages.resolution.target_length", 16),
        ("stages.resolution.optimizer", Optimizer(name="adamw")),
        ("stages.resolution.increase_resolution", False),
        ("stages.multimodal.examples", 110),
        ("stages.multimodal.prompt_length", 16),
        ("data.train", 21),
        ("data.validation", 2),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert resolution(experiment, **{key: value}).digest != resolution(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.test", 11),
        ("stages.transfer.examples", 110),
        ("stages.transfer.start", "multimodal"),
        ("stages.resolution.steps", [SIZES[0], replace(SIZES[1], examples=60)]),
        ("stages.resolution.mixture", {"splitcap": 1.0}),  # as stage 1's
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert resolution(experiment, **{key: value}).digest == resolution(experiment).digest


def test_each_seed_has_its_own(experiment):
    assert resolution(experiment, 0, 1).digest != resolution(experiment).digest


def test_the_control_learns_as_long_on_images_as_large_as_before(experiment):
    control = resolution(experiment, 1, **{"stages.resolution.increase_resolution": False})
    assert control.plain["image_size"] == 64 and control.plain["training"]["examples"] == 50


@pytest.mark.parametrize(("mixture", "reads"), [({"refer": 1.0}, True), ({"vqa": 1.0}, False)])
def test_its_own_mixture_decides_whether_masks_are_read(experiment, mixture, reads):
    step = resolution(experiment, **{"stages.resolution.mixture": mixture})
    assert ("mask_tokenizer" in step.parents) is reads and step.plain["training"]["mixture"] == mixture


def test_steps_are_distinguished_by_number_and_size(experiment):
    assert [detail(resolution(experiment, number)) for number in (0, 1)] == ["1@96", "2@128"]
    assert [panel(resolution(experiment, number)) for number in (0, 1)] == ["step 1", "step 2"]
    assert [units(resolution(experiment, number)) for number in (0, 1)] == [40, 50]


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"stages.transfer.image_size": 100}, "stages.transfer.image_size",
         "no model of 100 pixels is trained. Choose from 128, 64, 96."),
        ({"stages.resolution.steps": []}, "stages.transfer.start",
         "stages.transfer.start: there is no stage 2, since stages.resolution has no steps."),
        ({"stages.resolution.batch_size": 45}, "stages.resolution.steps[0].examples",
         "40 examples are less than one batch of 45"),
        ({"stages.resolution.steps": [ResolutionStep(image_size=100, examples=40)]},
         "stages.resolution.steps[0].image_size", "patch 8 does not divide image_size 100; nearest: 10"),
        ({"runtime.devices": 4}, "runtime.devices",
         "4 ranks do not divide the batch of 10 of stages.resolution;"
         " nearest: 5, by runtime.stages.resolution.devices"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(experiment, changes, key, text):
    assert complaints(changed(experiment, changes), "resolution") == [(key, text)]


def test_what_nobody_wants_is_not_judged(experiment):
    """Scales define steps, which are not used by default."""
    unwanted = {"stages.transfer.start": "multimodal", "stages.resolution.batch_size": 45, "runtime.devices": 4}
    assert complaints(changed(experiment, unwanted), "resolution") == []
    assert complaints(experiment, "resolution") == []


def test_measuring_right_after_it_needs_it_too(experiment):
    none = {"stages.transfer.start": "multimodal", "stages.resolution.steps": [], "evaluation.after": ["resolution"]}
    assert complaints(changed(experiment, none), "resolution") == [
        ("evaluation.after", "evaluation.after: there is no stage 2, since stages.resolution has no steps.")
    ]


def records(folder: Path, images: int) -> Component:
    lines = [{"image": f"{number}.png", "caption": "a dog"} for number in range(images)]
    (folder / "own.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Component(name="records", options={"path": str(folder / "own.jsonl"), "images": str(folder)})


def test_images_that_are_held_out_leave_some_of_its_own_source(experiment, tmp_path):
    own = {"stages.resolution.source": records(tmp_path, 5)}
    assert step_of(changed(experiment, {**own, "data.validation": 4}), "resolution", number=0).plain["count"] == 5
    with pytest.raises(DataError, match=r"5 leaves none of the 5 train images of stages\.resolution\.source"):
        step_of(changed(experiment, {**own, "data.validation": 5}), "resolution", number=0)


def test_a_source_of_its_own_without_an_end_gives_a_new_image_for_each_example(experiment, tmp_path):
    pages = {"stages.resolution.source": Component(name="pages", options={}), "data.train": 3, "data.validation": 2}
    step = step_of(changed(experiment, pages), "resolution", number=0)
    assert step.plain["count"] == 2 + step.plain["training"]["examples"] > 5
    union = Component(name="union", options={"parts": {"own": records(tmp_path, 5)}})
    step = step_of(changed(experiment, {**pages, "stages.resolution.source": union}), "resolution", number=0)
    assert step.plain["count"] == 3, "a union has an end"
