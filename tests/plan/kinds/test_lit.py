"""LiT: a text tower for the frozen encoder."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, on_classes, step_of, units

from pali3kit.config.component import Component


@pytest.fixture
def experiment(experiment):
    told = {"stages.lit.examples": 40, "stages.lit.batch_size": 10, "evaluate": ["zero_shot"]}
    return changed(on_classes(experiment), told)


def lit(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "lit", seed)


def test_its_tower_and_bias_are_stage_0as_where_nothing_is_said(experiment):
    plain = lit(experiment).plain
    text = {"name": "siglip_text", "width": 8, "depth": 1, "heads": 1, "mlp": 8}
    assert (plain["training"]["text"], plain["training"]["bias"], plain["text_length"]) == (text, -10.0, 32)
    said = {"stages.lit.text": Component(name="siglip_text", options={"width": 16}), "stages.lit.bias": -1.0}
    own = lit(experiment, **said).plain["training"]
    assert (own["text"], own["bias"]) == ({"name": "siglip_text", "width": 16}, -1.0)


def test_saying_what_holds_anyway_changes_nothing(experiment):
    said = {"stages.lit.text": experiment.stages.vision.text, "stages.lit.bias": -10.0}
    assert lit(experiment, **said).digest == lit(experiment).digest


def test_pairs_of_its_own_are_said_once(experiment):
    plain = lit(experiment, **{"stages.lit.source": Component(name="world")}).plain
    assert plain["source"] == {"name": "world"} and "source" not in plain["training"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.lit.examples", 50),
        ("stages.lit.temperature", 5.0),
        ("stages.lit.bias", 0.0),
        ("stages.lit.source", Component(name="world")),
        ("stages.vision.text_length", 16),
        ("stages.vision.examples", 110),
        ("tokenizer.vocabulary", 60),
        ("model.image_size", 128),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert lit(experiment, **{key: value}).digest != lit(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"), [("evaluation.prompts", "photo"), ("data.train", 21), ("stages.language.examples", 110)]
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert lit(experiment, **{key: value}).digest == lit(experiment).digest


def test_the_classification_arm_reads_stage_0as_tower_too(experiment):
    """Its encoder saw no texts."""
    one, other = (lit(experiment, **{"pretrain": "classif", "stages.vision.bias": bias}) for bias in (-10.0, -5.0))
    assert one.parents["vision"].digest == other.parents["vision"].digest and one.digest != other.digest


def test_its_parents_and_units(experiment):
    step = lit(experiment, 1)
    assert kinds(step.parents) == {"vision": "vision", "tokenizer": "tokenizer"}
    assert (units(step), detail(step), step.seed) == (40, "", 1)


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"stages.lit.examples": 0}, "stages.lit.examples",
         "benchmark 'zero_shot' needs the stage lit, which has no examples: set stages.lit.examples."),
        ({"stages.lit.examples": 5}, "stages.lit.examples",
         "stages.lit.examples: 5 examples are less than one batch of 10"),
        ({"stages.lit.source": Component(name="ocr", options={})}, "stages.lit.source",
         "source 'ocr' has no images with texts, which the stage lit learns from."),
        ({"data.source": Component(name="text", options={})}, "data.source",
         "source 'text' has no images with texts, which the stage lit learns from."),
        ({"runtime.devices": 3}, "runtime.devices", "3 ranks do not divide the batch of 10 of stages.lit;"
         " nearest: 2, by runtime.stages.lit.devices"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained(experiment, changes, key, text):
    assert complaints(changed(experiment, changes), "lit") == [(key, text)]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"evaluate": ["probe"]},
        {"evaluation.text_tower": "own"},
        {"model.dual_encoder": Component(name="open_clip/ViT-B-32", options={"pretrained": "openai"})},
    ],
)
def test_where_nobody_needs_it_it_may_be_left_out(experiment, changes):
    told = changed(experiment, {**changes, "stages.lit.examples": 0})
    assert bool(complaints(told, "lit")) is not bool(changes)
