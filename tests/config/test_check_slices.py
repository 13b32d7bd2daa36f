"""`evaluation.slices`: only attributes that the examples of a measured benchmark have."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pali3kit.config.check_slices import attributes_of
from pali3kit.config.component import Component
from pali3kit.config.experiments import shipped_experiments
from pali3kit.config.load import load
from pali3kit.errors import ConfigError
from pali3kit.registry import SOURCE


@pytest.fixture
def records(tmp_path: Path) -> Path:
    file = tmp_path / "r.jsonl"
    rows = [{"image": "1.png", "caption": "a cat", "attributes": {"gender": "female", "age": None}}, {"image": "2.png"}]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def problem(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(shipped_experiments()["pali3"], ["scale=smoke", *words])
    return str(caught.value)


def test_attributes_of_records_are_read_from_the_test_file(records: Path, tmp_path: Path) -> None:
    train = tmp_path / "train.jsonl"
    train.write_text("{}")
    source = Component(name="records", options={"path": str(train), "test": str(records)})
    assert attributes_of(source) == {"gender": (), "age": ()}
    both = Component(name="union", options={"parts": {"a": source, "b": Component(name="tsv")}})
    assert attributes_of(both) == {"gender": (), "age": ()}
    assert attributes_of(Component(name="tsv")) == {}
    assert attributes_of(Component(name="records", options={"path": str(tmp_path / "none.jsonl")})) is None


def test_attributes_of_a_plug_in_may_be_any(monkeypatch: pytest.MonkeyPatch) -> None:
    SOURCE.names()
    monkeypatch.setattr(SOURCE, "_entries", dict(SOURCE._entries))
    SOURCE.add("theirs", "their_package.source:create")
    assert attributes_of(Component(name="theirs")) is None


@pytest.mark.parametrize(
    ("by", "message"),
    [
        ("gendr", "evaluation.slices.by[0]: the examples of vqav2 have no attribute 'gendr'. Did you mean 'gender'?"),
        ("gender, mood", "the examples of vqav2 have no attribute 'mood'. Choose from age, gender."),
        ("gender, gender", "evaluation.slices.by names an attribute twice."),
    ],
)
def test_an_attribute_that_no_source_has_is_refused(records: Path, by: str, message: str) -> None:
    own = f"data.benchmarks.vqav2={{name: records, path: {records}, test: {records}}}"
    found = problem("evaluate=[vqav2]", own, f"evaluation.slices.by=[{by}]")
    assert message.removeprefix("evaluation.slices.by[0]: ") in found


def test_slices_of_an_encoder_alone_are_refused() -> None:
    assert "only answers are sliced" in problem("evaluate=[probe]", "evaluation.slices.by=[gender]")


def test_a_slice_has_two_examples_at_least() -> None:
    assert "evaluation.slices.least should be at least 2, not 1." in problem("evaluation.slices.least=1")
