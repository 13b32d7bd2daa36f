"""Benchmarks whose answers PaLI generates."""

from __future__ import annotations

from dataclasses import replace

import pytest
from planned import changed, complaints, detail, kinds, step_of, units

from pali3kit.catalogue import STAGE
from pali3kit.config.part import Part
from pali3kit.config.stages import Recipe, ResolutionStep
from pali3kit.errors import RegistryError

TUNED = {
    "stages.resolution.steps": [ResolutionStep(image_size=96, examples=40)],
    "stages.transfer.start": "resolution",
}


def evaluate(experiment, benchmark="vqa", after="transfer", **changes):
    return step_of(changed(experiment, changes), "evaluate", 3, benchmark=benchmark, after=after)


def test_its_configuration(experiment):
    assert evaluate(experiment).plain == {
        "source": {"name": "fake"}, "data": "pictures", "image_size": 64, "bins": 1000, "prompt_length": 32,
        "target_length": 32, "column": "vqa", "after": "transfer", "limit": 500, "beams": 1, "test": 10,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.limit", 4),
        ("evaluation.beams", 4),
        ("data.test", 11),
        ("stages.transfer.tasks", {"vqa": Recipe(beams=4)}),
        ("stages.transfer.examples", 110),
        ("data.columns", {"vqa": "vqav2.vqa"}),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    before = changed(experiment, {"stages.transfer.tasks": {}})
    assert evaluate(before, **{key: value}).digest != evaluate(before).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.constrained", True),  # of regions alone
        ("evaluation.shots", 3),
        ("stages.transfer.tasks", {"vqa": 200, "caption": Recipe(beams=4)}),
        ("stages.masks.examples", 110),
        ("stages.resolution.steps", TUNED["stages.resolution.steps"]),
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert evaluate(experiment, **{key: value}).digest == evaluate(experiment).digest


def test_it_is_not_seeded_but_its_model_did(experiment):
    one, other = (step_of(experiment, "evaluate", seed, benchmark="vqa", after="transfer") for seed in (0, 1))
    assert one.seed == other.seed == 0 and one.digest != other.digest


@pytest.mark.parametrize(
    ("benchmark", "after", "model"),
    [("vqa", "transfer", "transfer"), ("vqa", "multimodal", "multimodal"), ("vqa", "resolution", "resolution")],
)
def test_which_model_is_measured(experiment, benchmark, after, model):
    assert kinds(evaluate(experiment, benchmark, after, **TUNED).parents)["model"] == model


def test_before_stage_2_has_steps_stage_1_is_measured(experiment):
    assert kinds(evaluate(experiment, after="resolution").parents)["model"] == "multimodal"


def test_expressions_share_the_transfer_of_one(experiment):
    plus, all_of_them = (evaluate(experiment, name).parents["model"] for name in ("refer_plus", "refer"))
    assert plus.digest == all_of_them.digest and plus.plain["task"] == "refer"


def test_regions_are_read_with_masks_and_may_be_constrained(experiment):
    bound = evaluate(experiment, "refer_g", **{"evaluation.constrained": True})
    assert bound.plain["constrained"] is True and "masks" in bound.parents
    assert "constrained" not in evaluate(experiment, "refer_g").plain
    assert "masks" not in evaluate(experiment, "vqa", **{"evaluation.constrained": True}).parents


def test_a_task_that_is_named_is_asked(experiment):
    assert evaluate(experiment, **{"data.columns": {"vqa": "vqav2.vqa"}}).plain["task"] == "vqav2.vqa"


@pytest.mark.parametrize(
    ("after", "beams"), [("transfer", 3), ("multimodal", 2)]
)  # fmt: skip
def test_the_beams_of_a_recipe_are_those_of_its_transfer(experiment, after, beams):
    told = {"stages.transfer.tasks": {"refer": Recipe(beams=3)}, "evaluation.beams": 2}
    assert evaluate(experiment, "refer_g", after, **told).plain["beams"] == beams


@pytest.mark.parametrize(
    ("benchmark", "after", "changes", "name"),
    [
        ("vqa", "transfer", {}, "fake/vqa"),
        ("vqa", "multimodal", {}, "fake/vqa@multimodal"),
        ("vqa", "transfer", {**TUNED, "data.cache": False}, "fake/vqa@96"),
        ("vqa", "transfer", {"data.source": Part(name="world")}, "embedded/vqa"),
        ("vqa", "transfer", {"data.columns": {"vqa": "vqav2.vqa"}}, "vqav2/vqa"),
        ("refer", "resolution", {**TUNED, "data.cache": False}, "fake/refer@96"),
    ],
)
def test_how_it_is_called(experiment, benchmark, after, changes, name):
    assert detail(evaluate(experiment, benchmark, after, **changes)) == name


@pytest.mark.parametrize(
    ("benchmark", "test", "limit", "examples"),
    [
        ("vqa", 10, 500, 10),
        ("vqa", 10, 4, 4),
        ("caption_multilingual", 40, 54, 40 + 35 * 3),  # 2 · 54 / 36 in each of the others
        ("caption_multilingual", 40, 5, 5 + 35 * 2),
    ],
)
def test_its_units_are_its_examples(experiment, benchmark, test, limit, examples):
    told = {"data.source": Part(name="world"), "data.test": test, "evaluation.limit": limit}
    assert units(evaluate(experiment, benchmark, "multimodal", **told)) == examples


def test_nothing_can_be_measured_by_an_unknown_name(experiment):
    with pytest.raises(RegistryError, match=r"^unknown benchmark 'vqaa'\. Did you mean 'vqa'\?$"):
        evaluate(experiment, "vqaa")
    assert complaints(experiment, "evaluate") == []


def test_results_without_the_further_numbers_are_not_taken(experiment, monkeypatch):
    """Version 3 adds BLEU-4, ROUGE-L, cIoU, pictures by language, and questions with few answers."""
    now = evaluate(experiment).digest
    kind, origin = STAGE.found["evaluate"]
    assert kind.version == 3
    monkeypatch.setitem(STAGE.found, "evaluate", (replace(kind, version=2), origin))
    assert evaluate(experiment).digest != now
