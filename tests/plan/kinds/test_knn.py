"""Nearest neighbours on stored features."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, on_classes, step_of, units

from pali3kit.errors import DataError
from pali3kit.plan.encoder import count_images


@pytest.fixture
def experiment(experiment):
    return on_classes(experiment)


def knn(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "knn", seed)


def test_its_configuration(experiment):
    step = knn(experiment)
    assert step.plain == {"neighbours": 20, "splits": ["test", "v2"]}
    assert kinds(step.parents) == {"train": "embed", "test": "embed"}
    assert [parent.plain["splits"] for parent in step.parents.values()] == [["train"], ["test", "v2"]]


@pytest.mark.parametrize(
    ("key", "value"), [("evaluation.neighbours", 10), ("evaluation.crop", 0.875), ("stages.vision.examples", 110)]
)
def test_changes_of_its_digest(experiment, key, value):
    assert knn(experiment, **{key: value}).digest != knn(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"), [("stages.linear.epochs", 3), ("evaluation.shots", 3), ("stages.finetune.examples", 100)]
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert knn(experiment, **{key: value}).digest == knn(experiment).digest


def test_it_is_not_seeded(experiment):
    assert knn(experiment, 5).seed == 0


def test_more_neighbours_than_images_are_reported_before_features_are_made(experiment):
    with pytest.raises(DataError, match=r"^evaluation\.neighbours: 21 are more than the 20 train images$"):
        knn(experiment, **{"evaluation.neighbours": 21})


def test_its_units_are_the_images_of_both_splits(experiment):
    step = knn(experiment)
    assert units(step) == count_images(step) == 20 + 10 + 10
    assert count_images(step.parents["train"]) == 20
    assert (detail(step), complaints(experiment, "knn")) == ("", [])
