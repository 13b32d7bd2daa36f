"""The text of the language model's pretraining."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, step_of, units

from pali3kit.config.component import Component


def corpus(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "corpus", seed)


def test_its_configuration_holds_what_determines_it(experiment):
    step = corpus(experiment)
    length, examples = experiment.stages.language.length, experiment.stages.language.examples
    assert step.plain == {"source": {"name": "fake"}, "data": "images", "bins": 1000, "limit": length * examples}
    assert kinds(step.parents) == {"tokenizer": "tokenizer"}
    assert (units(step), detail(step), complaints(experiment, "corpus")) == (length * examples, "", [])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("stages.language.examples", 110),
        ("stages.language.length", 32),
        ("tokenizer.bins", 32),
        ("tokenizer.vocabulary", 60),
        ("data.source", Component(name="world")),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert corpus(experiment, **{key: value}).digest != corpus(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [("stages.language.batch_size", 5), ("stages.language.prefix", "table"), ("model.language.width", 16)],
)
def test_how_a_model_learns_from_it_is_no_part_of_it(experiment, key, value):
    assert corpus(experiment, **{key: value}).digest == corpus(experiment).digest


def test_seeds_share_it(experiment):
    assert corpus(experiment, 7).digest == corpus(experiment, 8).digest
