"""The step of the tokenizer: trained, or from a file."""

from __future__ import annotations

import pytest
from planned import changed, complaints, detail, step_of, units

from pali3kit.config.component import Component
from pali3kit.plan import content


def trained(experiment, **changes):
    return step_of(changed(experiment, changes), "tokenizer")


@pytest.fixture
def given(experiment, tmp_path):
    """The step of a file with some bytes, and other changes."""

    def make(data=b"pieces", **changes):
        content._sha256.cache_clear()
        (tmp_path / "spiece.model").write_bytes(data)
        file = {"tokenizer.vocabulary": None, "tokenizer.file": str(tmp_path / "spiece.model")}
        return step_of(changed(experiment, {**file, **changes}), "tokenizer")

    yield make
    content._sha256.cache_clear()


def test_the_configuration_of_a_trained_one(experiment):
    assert trained(experiment).plain == {
        "codes": 16, "data": "images", "source": {"name": "fake"}, "vocabulary": 50, "sentences": 60_000,
        "bins": 1000,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("tokenizer.vocabulary", 51),
        ("tokenizer.sentences", 9),
        ("tokenizer.bins", 32),
        ("model.mask_tokenizer.codes", 32),
        ("data.source", Component(name="world")),
    ],
)
def test_changes_of_its_digest(experiment, key, value):
    assert trained(experiment, **{key: value}).digest != trained(experiment).digest


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("data.train", 21),
        ("model.image_size", 128),
        ("pretrain", "classif"),
        ("stages.language.length", 8),
        ("evaluation.limit", 3),
    ],
)
def test_no_changes_of_its_digest(experiment, key, value):
    assert trained(experiment, **{key: value}).digest == trained(experiment).digest


def test_seeds_share_it(experiment):
    assert step_of(experiment, "tokenizer", 7).seed == 0
    assert step_of(experiment, "tokenizer", 7).digest == step_of(experiment, "tokenizer", 8).digest


def test_it_has_no_parents_no_detail_and_one_unit(experiment):
    step = trained(experiment)
    assert (step.parents, detail(step), units(step)) == ({}, "", 1)
    assert complaints(experiment, "tokenizer") == []


def test_a_file_is_known_by_its_content(given):
    assert given(b"a").digest == given(b"a").digest != given(b"b").digest


def test_a_file_reads_no_text(given):
    assert given().plain.keys() == {"codes", "data", "file", "rows"} and len(given().plain["data"]) == 64
    others = {"tokenizer.sentences": 9, "tokenizer.bins": 32, "data.source": Component(name="world")}
    assert given(**others).digest == given().digest


def test_the_rows_of_a_file_are_always_said(given):
    assert given().plain["rows"] is None
    assert given(**{"tokenizer.rows": 500}).plain["rows"] == 500
    assert given(**{"tokenizer.rows": 500}).digest != given().digest


def test_mask_tokens_come_on_top_of_a_file_too(given):
    assert given(**{"model.mask_tokenizer.codes": 32}).plain["codes"] == 32
