"""The accuracy of a fine-tuned classifier."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, on_classes, step_of, units


@pytest.fixture
def experiment(experiment):
    return on_classes(experiment)


def classify(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "classify", seed)


def test_its_configuration(experiment):
    assert classify(experiment).plain == {"benchmark": "finetune", "splits": ["test", "v2"]}


def test_it_scores_the_classifiers_logits(experiment):
    logits = classify(experiment).parents["test"]
    assert kinds(classify(experiment).parents) == {"test": "embed"} and kinds(logits.parents) == {
        "classifier": "finetune"
    }
    assert logits.plain["splits"] == ["test", "v2"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.finetune.examples", 50),
        ("stages.finetune.image_size", 128),
        ("evaluation.crop", 0.875),
        ("stages.vision.examples", 110),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert classify(experiment, **{key: value}).digest != classify(experiment).digest


@pytest.mark.parametrize(("key", "value"), [("evaluation.neighbours", 3), ("stages.linear.epochs", 3)])
def test_no_changes_of_its_digest(experiment, key, value):
    assert classify(experiment, **{key: value}).digest == classify(experiment).digest


def test_it_is_named_by_its_benchmark_and_quick(experiment):
    step = classify(experiment, 4)
    assert (detail(step), units(step), step.seed) == ("finetune", 1, 0)
    assert complaints(experiment, "classify") == []
