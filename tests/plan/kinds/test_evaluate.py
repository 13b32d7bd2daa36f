"""Benchmarks whose answers PaLI generates."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planned import changed, complaints, detail, kinds, step_of, units

from pali3kit.catalogue import STAGE
from pali3kit.config.component import Component
from pali3kit.config.stages import Recipe, ResolutionStep
from pali3kit.errors import RegistryError

TUNED = {
    "stages.resolution.steps": [ResolutionStep(image_size=96, examples=40)],
    "stages.transfer.start": "resolution",
}


def evaluate(experiment, benchmark="vqav2", after="transfer", **changes):
    return step_of(changed(experiment, changes), "evaluate", 3, benchmark=benchmark, after=after)


def test_its_configuration(experiment):
    assert evaluate(experiment).plain == {
        "source": {"name": "fake"}, "data": "images", "image_size": 64, "bins": 1000, "prompt_length": 32,
        "target_length": 32, "benchmark": "vqav2", "after": "transfer", "limit": 500, "beams": 1, "test": 10,
    }  # fmt: skip


@pytest.mark.parametrize("after", ["multimodal", "resolution", "transfer"])
def test_lengths_are_those_of_the_stage_whose_model_is_measured(experiment, after):
    own = {"stages.resolution.target_length": 40, "stages.transfer.target_length": 48}
    told = evaluate(experiment, after=after, **TUNED, **own).plain["target_length"]
    assert told == {"multimodal": 32, "resolution": 40, "transfer": 48}[after]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.limit", 4),
        ("evaluation.beams", 4),
        ("data.test", 11),
        ("stages.transfer.benchmarks", {"vqav2": Recipe(beams=4)}),
        ("stages.transfer.examples", 110),
        ("data.tasks", {"vqav2": "vqav2.vqa"}),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    before = changed(experiment, {"stages.transfer.benchmarks": {}})
    assert evaluate(before, **{key: value}).digest != evaluate(before).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.constrained", True),  # of regions alone
        ("evaluation.shots", 3),
        ("stages.transfer.benchmarks", {"vqav2": 200, "coco": Recipe(beams=4)}),
        ("stages.mask_tokenizer.examples", 110),
        ("stages.resolution.steps", TUNED["stages.resolution.steps"]),
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert evaluate(experiment, **{key: value}).digest == evaluate(experiment).digest


def test_it_is_not_seeded_but_its_model_did(experiment):
    one, other = (step_of(experiment, "evaluate", seed, benchmark="vqav2", after="transfer") for seed in (0, 1))
    assert one.seed == other.seed == 0 and one.digest != other.digest


@pytest.mark.parametrize(
    ("benchmark", "after", "model"),
    [("vqav2", "transfer", "transfer"), ("vqav2", "multimodal", "multimodal"), ("vqav2", "resolution", "resolution")],
)
def test_which_model_is_measured(experiment, benchmark, after, model):
    assert kinds(evaluate(experiment, benchmark, after, **TUNED).parents)["model"] == model


def test_before_stage_2_has_steps_stage_1_is_measured(experiment):
    assert kinds(evaluate(experiment, after="resolution").parents)["model"] == "multimodal"


def test_expressions_share_the_transfer_of_one(experiment):
    plus, all_of_them = (evaluate(experiment, name).parents["model"] for name in ("refcoco_plus", "refcoco"))
    assert plus.digest == all_of_them.digest and plus.plain["task"] == "refer"


def test_regions_are_read_with_masks_and_may_be_constrained(experiment):
    bound = evaluate(experiment, "refcocog", **{"evaluation.constrained": True})
    assert bound.plain["constrained"] is True and "mask_tokenizer" in bound.parents
    assert "constrained" not in evaluate(experiment, "refcocog").plain
    assert "mask_tokenizer" not in evaluate(experiment, "vqav2", **{"evaluation.constrained": True}).parents


def test_a_task_that_is_named_is_asked(experiment):
    assert evaluate(experiment, **{"data.tasks": {"vqav2": "vqav2.vqa"}}).plain["task"] == "vqav2.vqa"


@pytest.mark.parametrize(
    ("after", "beams"), [("transfer", 3), ("multimodal", 2)]
)  # fmt: skip
def test_the_beams_of_a_recipe_are_those_of_its_transfer(experiment, after, beams):
    told = {"stages.transfer.benchmarks": {"refcoco": Recipe(beams=3)}, "evaluation.beams": 2}
    assert evaluate(experiment, "refcocog", after, **told).plain["beams"] == beams


@pytest.mark.parametrize(
    ("benchmark", "after", "changes", "name"),
    [
        ("vqav2", "transfer", {}, "fake/vqav2"),
        ("vqav2", "multimodal", {}, "fake/vqav2@multimodal"),
        ("vqav2", "transfer", {**TUNED, "data.cache": False}, "fake/vqav2@96"),
        ("vqav2", "transfer", {"data.source": Component(name="world")}, "embedded/vqav2"),
        ("vqav2", "transfer", {"data.tasks": {"vqav2": "vqav2.vqa"}}, "vqav2/vqav2"),
        ("refcoco", "resolution", {**TUNED, "data.cache": False}, "fake/refcoco@96"),
    ],
)
def test_how_it_is_called(experiment, benchmark, after, changes, name):
    assert detail(evaluate(experiment, benchmark, after, **changes)) == name


@pytest.mark.parametrize(
    ("benchmark", "test", "limit", "examples"),
    [
        ("vqav2", 10, 500, 10),
        ("vqav2", 10, 4, 4),
        ("xm3600", 40, 54, 40 + 35 * 3),  # 2 · 54 / 36 in each of the others
        ("xm3600", 40, 5, 5 + 35 * 2),
    ],
)
def test_its_units_are_its_examples(experiment, benchmark, test, limit, examples):
    told = {"data.source": Component(name="world"), "data.test": test, "evaluation.limit": limit}
    assert units(evaluate(experiment, benchmark, "multimodal", **told)) == examples


def test_nothing_can_be_measured_by_an_unknown_name(experiment):
    with pytest.raises(RegistryError, match=r"^unknown benchmark 'vqaa'\. Did you mean 'vqav2'\?$"):
        evaluate(experiment, "vqaa")
    assert complaints(experiment, "evaluate") == []


def test_results_without_the_further_numbers_are_not_taken(experiment, monkeypatch):
    """Version 3 adds BLEU-4, ROUGE-L, cIoU, images by language, and questions with few answers."""
    now = evaluate(experiment).digest
    kind, origin = STAGE.found["evaluate"]
    assert kind.version == 3
    monkeypatch.setitem(STAGE.found, "evaluate", (replace(kind, version=2), origin))
    assert evaluate(experiment).digest != now
