"""The loss on held-out text."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, kinds, step_of, units


def denoising(experiment, seed=0, **changes):
    return step_of(changed(experiment, changes), "denoising", seed)


def test_its_configuration(experiment):
    """How a prefix is split affects the result, so it is always in the digest."""
    assert denoising(experiment).plain == {
        "source": {"name": "fake"}, "data": "images", "bins": 1000, "length": 64, "prefix": "appendix", "limit": 500,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("evaluation.limit", 4),
        ("stages.language.length", 32),
        ("stages.language.prefix", "table"),
        ("stages.language.examples", 110),
        ("tokenizer.vocabulary", 60),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert denoising(experiment, **{key: value}).digest != denoising(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [("pretrain", "random"), ("data.test", 3), ("model.image_size", 128), ("stages.multimodal.examples", 110)],
)
def test_no_image_is_in_it(experiment, key, value):
    assert denoising(experiment, **{key: value}).digest == denoising(experiment).digest


def test_held_out_text_is_one_test_of_each_seeds_model(experiment):
    one, other = denoising(experiment, 0), denoising(experiment, 1)
    assert one.seed == other.seed == 0 and one.digest != other.digest
    assert kinds(one.parents) == {"language": "language", "tokenizer": "tokenizer"}


@pytest.mark.parametrize(("limit", "windows"), [(500, 1500), (4, 12)])
def test_each_window_is_measured_in_three_modes(experiment, limit, windows):
    assert units(denoising(experiment, **{"evaluation.limit": limit})) == windows


def test_it_is_called_by_its_kind(experiment):
    assert detail(denoising(experiment)) == "" and complaints(experiment, "denoising") == []
