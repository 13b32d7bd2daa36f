from __future__ import annotations

from dataclasses import replace

import pytest
from launching import EXPERIMENTS

from pali3kit.config.load import load
from pali3kit.execution.workload import cost_shape, shape, sizes, units
from pali3kit.plan.graph import build


def named(experiment):
    return {step.label: step for step in build(experiment).steps}


@pytest.mark.parametrize(
    ("label", "count"),
    [
        ("tokenizer", 1),
        ("vision siglip", 100),
        ("features/train classif", 20),
        ("features/test classif", 10),
        ("transfer/vqa classif", 200),
        ("transfer/refer classif", 100),
        ("evaluate/fake/vqav2 classif", 10),
        ("embed/flag classif", 1440),  # images of both splits
        ("probe classif", 1),
    ],
)
def test_units(experiment, label, count):
    assert units(named(experiment)[label]) == count


def test_a_stage_that_only_loads_weights_is_some_work(experiment):
    untrained = replace(experiment.stages.mask_tokenizer, examples=0)
    asked = replace(experiment, stages=replace(experiment.stages, mask_tokenizer=untrained))
    assert units(named(asked)["mask_tokenizer"]) == 1


def test_units_of_held_out_text_are_windows_in_three_modes(experiment):
    (step,) = [n for n in build(replace(experiment, evaluate=["denoising"])).steps if n.kind == "denoising"]
    assert units(step) == 3 * experiment.evaluation.limit
    assert sizes(step).language["name"] == "ul2" and sizes(step).vocabulary == 50


def test_sizes_are_of_the_components_of_all_ancestors(experiment):
    found = sizes(named(experiment)["transfer/refer classif"])
    assert [part["name"] for part in (found.vision, found.language, found.projector, found.mask_tokenizer)] == [
        "vit",
        "ul2",
        "linear",
        "vqvae",
    ]
    assert (found.image_size, found.vocabulary, found.codes) == (64, 50, 16)


def test_stages_on_the_encoder_alone_have_its_sizes_only(experiment):
    found = sizes(named(experiment)["probe siglip"])
    assert found.vision["name"] == "vit" and not found.language and found.vocabulary is None


def test_what_costs_the_same_has_the_same_shape(experiment):
    steps = named(experiment)
    for label in ("features/train", "embed/flag", "probe", "multimodal", "transfer/vqa", "evaluate/fake/vqav2"):
        assert shape(steps[f"{label} classif"]) == shape(steps[f"{label} siglip"]), label
    assert shape(steps["features/train classif"]) == shape(steps["features/test siglip"])
    assert shape(steps["vision classif"]) != shape(steps["vision siglip"])
    assert shape(steps["transfer/vqa classif"]) != shape(steps["transfer/refer classif"])


def test_one_task_is_measured_for_all(experiment):
    """Tasks cost either a text of typical length or a region."""
    steps = named(experiment)
    labels = [label for label in steps if label.split("/")[0] in ("transfer", "evaluate", "embed")]
    measured = {}
    for label in labels:
        measured.setdefault(cost_shape(steps[label]), set()).add(label.split()[0])
    assert sorted(map(sorted, measured.values())) == [
        ["embed/flag"],
        ["evaluate/fake/refcoco", "evaluate/fake/refcocog"],
        ["evaluate/fake/vqav2"],
        ["transfer/refer"],
        ["transfer/vqa"],
    ]
    assert cost_shape(steps["vision siglip"]) == shape(steps["vision siglip"])


def test_budgets_do_not_change_the_shape_but_sizes_do(experiment):
    before = named(experiment)["multimodal classif"]
    longer = replace(experiment.stages, multimodal=replace(experiment.stages.multimodal, examples=10**6))
    assert shape(named(replace(experiment, stages=longer))["multimodal classif"]) == shape(before)
    wider = replace(experiment.stages, multimodal=replace(experiment.stages.multimodal, batch_size=99))
    assert shape(named(replace(experiment, stages=wider))["multimodal classif"]) != shape(before)
    bigger = replace(experiment.model, image_size=128)
    assert shape(named(replace(experiment, model=bigger))["multimodal classif"]) != shape(before)


@pytest.mark.parametrize("name", ["ablate_classif", "ablate_projector", "table5", "data_scaling"])
def test_a_plan_at_the_papers_scale_profiles_few_shapes(name):
    """Half a second of processor time each, beside the five seconds in which torch is imported: 20 in all."""
    steps = build(load(EXPERIMENTS / f"{name}.yaml", ["scale=paper"])).steps
    assert len(steps) > len({cost_shape(step) for step in steps}) <= 34
