"""The few-shot probe."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, step_of, units

from pali3kit.config.component import Component


def probe(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "probe", seed)


def test_its_configuration(experiment):
    assert probe(experiment).plain == {"sets": ["flag"], "shots": 10, "curve": [1, 5, 10, 25], "repeats": 3}
    assert kinds(probe(experiment).parents) == {"flag": "embed"}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.shots", 5),
        ("evaluation.curve", [1]),
        ("evaluation.repeats", 4),
        ("evaluation.crop", 0.875),
        ("evaluation.probes", {"count": Component(name="world_probe", options={"task": "count"})}),
        ("stages.vision.examples", 110),
        ("model.image_size", 128),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert probe(experiment, **{key: value}).digest != probe(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [("evaluation.neighbours", 3), ("evaluation.limit", 3), ("data.train", 21), ("stages.language.examples", 110)],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert probe(experiment, **{key: value}).digest == probe(experiment).digest


def test_another_number_of_shots_computes_no_features_again(experiment):
    few, many = (probe(experiment, **{"evaluation.shots": shots}) for shots in (5, 10))
    assert few.parents["flag"].digest == many.parents["flag"].digest


def test_each_seed_draws_its_own(experiment):
    assert probe(experiment, 1, pretrain="random").digest != probe(experiment, pretrain="random").digest
    assert probe(experiment, 1).seed == 1


def test_the_same_images_by_another_name_are_computed_once(experiment):
    flag = Component(name="world_probe", options={"task": "flag"})
    step = probe(experiment, **{"evaluation.probes": {"one": flag, "kind": flag}})
    assert set(step.parents) == {"one", "kind"} and len({parent.digest for parent in step.parents.values()}) == 1


def test_by_default_the_worlds_eight_sets(experiment):
    step = probe(experiment, **{"evaluation.probes": {}})
    assert len(step.parents) == len(step.plain["sets"]) == units(step) == 8
    assert (detail(step), complaints(experiment, "probe")) == ("", [])
