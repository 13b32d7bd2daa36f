"""A linear classifier on stored features."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, on_classes, step_of, units


@pytest.fixture
def experiment(experiment):
    return on_classes(experiment)


def linear(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "linear", seed)


def test_its_configuration(experiment):
    assert linear(experiment).plain == {
        "classifier": {"epochs": 30, "batch_size": 256, "learning_rate": 1e-3, "weight_decay": 1e-4},
        "splits": ["test", "v2"],
    }


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.linear.epochs", 3),
        ("stages.linear.learning_rate", 0.5),
        ("evaluation.crop", 0.875),
        ("stages.vision.examples", 110),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert linear(experiment, **{key: value}).digest != linear(experiment).digest


@pytest.mark.parametrize(("key", "value"), [("evaluation.neighbours", 10), ("stages.finetune.examples", 100)])
def test_no_changes_of_its_digest(experiment, key, value):
    assert linear(experiment, **{key: value}).digest == linear(experiment).digest


def test_it_reads_what_neighbours_read(experiment):
    one, other = linear(experiment).parents, step_of(experiment, "knn").parents
    assert {role: step.digest for role, step in one.items()} == {role: step.digest for role, step in other.items()}


def test_each_seed_starts_from_its_own(experiment):
    assert linear(experiment, 1).seed == 1 and linear(experiment, 1).digest != linear(experiment).digest


def test_its_units_are_the_images_of_both_splits(experiment):
    assert units(linear(experiment)) == 20 + 10 + 10
    assert (detail(linear(experiment)), complaints(experiment, "linear")) == ("", [])
