"""The throughput of the image encoder."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, step_of, units


def made(experiment, **changes):
    return step_of(changed(experiment, {"evaluate": ["throughput"], **changes}), "throughput")


def test_it_is_of_the_encoder_alone(experiment):
    step = made(experiment)
    assert (step.plain, kinds(step.parents)) == ({}, {"vision": "vision"})
    assert (step.seed, units(step), detail(step), complaints(experiment, "throughput")) == (0, 1, "", [])


@pytest.mark.parametrize(
    ("key", "value", "same"),
    [("stages.vision.examples", 110, False), ("evaluation.limit", 3, True), ("stages.multimodal.examples", 96, True)],
)
def test_what_it_depends_on(experiment, key, value, same):
    assert (made(experiment).digest == made(experiment, **{key: value}).digest) is same
