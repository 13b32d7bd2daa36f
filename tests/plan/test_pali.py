"""Fields and steps that the stages on PaLI share."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from planned import changed, detail, kinds

from pali3kit.config.component import Component
from pali3kit.config.stages import Recipe, ResolutionStep
from pali3kit.errors import DataError
from pali3kit.plan.cell import CellSteps
from pali3kit.plan.pali import (
    SourceConfig,
    TextConfig,
    _SourceSplits,
    has_regions,
    image_set_of,
    image_size_of,
    size_suffix,
    source_fields,
    text_fields,
)
from pali3kit.plan.step import Step

STEPS = [ResolutionStep(image_size=96, examples=40), ResolutionStep(image_size=128, examples=50)]


@pytest.fixture
def cell(experiment):
    return lambda **changes: CellSteps(changed(experiment, changes), 0)


def test_sources_have_the_digest_of_their_content_if_known(experiment):
    assert source_fields(Component(name="fake"), 96) == {"source": {"name": "fake"}, "data": "images", "image_size": 96}
    unknown = SourceConfig(source={"name": "tsv"}, data="", image_size=64)
    assert unknown.plain() == {"source": {"name": "tsv"}, "image_size": 64}


@pytest.mark.parametrize(("cache", "count"), [(True, 0), (False, 20)])
def test_train_images_are_counted_where_no_tokens_are_kept(experiment, cache, count):
    assert text_fields(changed(experiment, {"data.cache": cache}), 64)["count"] == count


@pytest.fixture
def questions(tmp_path):
    """A source of three train questions about two images, and of one test question."""
    told = [{"image": f"{n // 2}.png", "question": f"{n}?", "answers": ["yes"]} for n in range(3)]
    for name, part in (("train", told), ("test", told[:1])):
        (tmp_path / f"{name}.json").write_text(json.dumps(part))
    options = {"path": str(tmp_path / "train.json"), "images": str(tmp_path), "test": str(tmp_path / "test.json")}
    return Component(name="vqa", options=options)


def test_a_benchmark_with_a_source_of_its_own_reads_all_of_it(experiment, questions):
    own = changed(experiment, {"data.benchmarks": {"vqav2": questions}})
    found = image_set_of(own, "vqav2")
    assert found == _SourceSplits(questions, 1, 20, "vqav2") and found.train == 2
    found = image_set_of(own)
    assert found == image_set_of(own, "coco") == _SourceSplits(own.data.source, 10, of_data=20) and found.train == 20
    assert text_fields(changed(own, {"data.cache": False}), 64, "vqav2")["count"] == 2
    with pytest.raises(DataError, match=r"^data\.validation: 2 leaves none of the 2 train images of 'vqav2'$"):
        image_set_of(changed(own, {"data.validation": 2}), "vqav2")


def test_its_steps_are_its_own_and_are_named_by_it(experiment, questions):
    cell = CellSteps(changed(experiment, {"data.benchmarks": {"vqav2": questions}}), 0)
    step = cell.step("evaluate", benchmark="vqav2", after="transfer")
    assert detail(step) == "vqav2" and detail(step.parents["model"]) == "vqav2"
    assert [detail(each.parents["features"]) for each in (step, step.parents["model"])] == ["vqav2.test", "vqav2.train"]
    assert (step.plain["test"], step.plain["source"]["name"]) == (1, "vqa")
    assert step.parents["model"].parents["model"].plain["source"] == {"name": "fake"}, "stage 1 is data.source's"


def test_lengths_and_bins_are_those_of_stage_1_and_the_tokenizer(experiment):
    told = {"tokenizer.bins": 32, "stages.multimodal.prompt_length": 9, "stages.multimodal.target_length": 8}
    assert text_fields(changed(experiment, told), 96) == {
        "source": {"name": "fake"}, "data": "images", "image_size": 96, "bins": 32, "prompt_length": 9,
        "target_length": 8, "count": 0, "ocr": None,
    }  # fmt: skip


@pytest.mark.parametrize("stage", ["resolution", "transfer"])
def test_a_later_stage_has_lengths_of_its_own_where_they_are_set(experiment, stage):
    told = {"stages.multimodal.prompt_length": 9, "stages.multimodal.target_length": 8}

    def lengths(**more: int) -> tuple[int, int]:
        changes = {f"stages.{stage}.{key}": value for key, value in more.items()}
        cell = changed(experiment, told | changes)
        fields = text_fields(cell, 96, stage=stage)
        return fields["prompt_length"], fields["target_length"]

    assert lengths() == (9, 8)
    assert lengths(prompt_length=20) == (20, 8)
    assert lengths(prompt_length=20, target_length=7) == (20, 7)


def test_defaults_are_left_out():
    told = TextConfig(source={"name": "world"}, image_size=64, bins=9, prompt_length=1, target_length=2).plain()
    assert told == {"source": {"name": "world"}, "image_size": 64, "bins": 9, "prompt_length": 1, "target_length": 2}


def test_kept_tokens_stand_for_the_encoder(cell):
    assert kinds(cell().inputs("train", regions=False)) == {"features": "features", "tokenizer": "tokenizer"}
    assert kinds(cell(**{"data.cache": False}).inputs("train", regions=True)) == {
        "vision": "vision", "tokenizer": "tokenizer", "mask_tokenizer": "mask_tokenizer",
    }  # fmt: skip


def test_the_encoder_may_be_stage_2s(cell):
    steps = cell(**{"data.cache": False, "stages.resolution.steps": STEPS})
    tuned = steps.step("resolution", number=1)
    assert steps.inputs("train", False, tuned)["vision"] is tuned
    assert (image_size_of(steps, None), image_size_of(steps, tuned)) == (64, 128)


@pytest.mark.parametrize(("regions", "roles"), [(True, ["tokenizer", "mask_tokenizer"]), (False, ["tokenizer"])])
def test_masks_are_read_where_regions_are(cell, regions, roles):
    assert list(cell().tokenizers(regions)) == roles


@pytest.mark.parametrize(
    ("steps", "wanted", "number"),
    [([], None, None), (STEPS, None, 1), (STEPS, 96, 0), (STEPS, 128, 1), (STEPS, 64, None)],
)
def test_which_step_of_stage_2_is_measured(cell, steps, wanted, number):
    asked = cell(**{"stages.resolution.steps": steps, "stages.transfer.image_size": wanted})
    expected = None if number is None else asked.step("resolution", number=number)
    assert asked.tuned_step("coco") is expected


def test_a_benchmark_may_be_transferred_at_a_size_of_its_own(cell):
    recipes = {"coco": Recipe(image_size=96), "vqav2": Recipe(examples=7)}
    changes = {"stages.transfer.start": "resolution", "stages.transfer.benchmarks": recipes}
    asked = cell(**{"stages.resolution.steps": STEPS, **changes})
    assert asked.start_step("coco") is asked.step("resolution", number=0)
    assert asked.start_step("vqav2") is asked.start_step("okvqa") is asked.step("resolution", number=1)
    sizes = {name: asked.step("transfer", benchmark=name).plain["image_size"] for name in ("coco", "vqav2")}
    assert sizes == {"coco": 96, "vqav2": 128}
    other = cell(**{"stages.resolution.steps": STEPS, "stages.transfer.start": "resolution"})
    told = [each.step("transfer", benchmark="okvqa").digest for each in (asked, other)]
    assert told[0] == told[1], "the size of another benchmark invalidates nothing"


def test_transfers_start_from_stage_1_unless_they_say_otherwise(cell):
    steps = {"stages.resolution.steps": STEPS}
    assert cell(**steps).start_step("coco") is None
    asked = cell(**steps, **{"stages.transfer.start": "resolution"})
    assert asked.start_step("coco") is asked.step("resolution", number=1)


@dataclass(frozen=True, kw_only=True)
class Seen(SourceConfig):
    pass


@pytest.mark.parametrize(("kind", "text"), [("resolution", "@96"), ("vision", "")])
def test_the_size_is_a_suffix_where_stage_2_tuned_the_encoder(kind, text):
    config = Seen(source={"name": "world"}, image_size=96)
    step = Step("transfer", "", config, 0, {"vision": Step(kind, "", config)})
    assert size_suffix(step) == text
    assert size_suffix(Step("transfer", "", config)) == ""


@pytest.mark.parametrize(
    ("mixture", "regions"),
    [
        ({}, False),
        ({"vqa": 1.0}, False),
        ({"refer": 1.0}, True),
        ({"refer": 0.0}, False),
        ({"refer_plus": 1.0, "vqa": 1.0}, True),
        ({"coco.refer": 1.0}, True),
        ({"refer.vqa": 1.0}, False),  # a part of a union may be called so
        ({"detect": 1.0}, False),
    ],
)
def test_which_mixtures_have_masks_among_their_targets(mixture, regions):
    assert has_regions(mixture) is regions


def test_a_plug_ins_benchmark_of_regions_has_masks_among_its_targets(add_benchmark):
    add_benchmark("locate", regions=True, task="where")
    assert has_regions({"where": 1.0}) and has_regions({"coco.where": 1.0})
    assert not has_regions({"locate": 1.0})
