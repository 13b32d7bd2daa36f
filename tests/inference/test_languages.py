"""Which languages a model knows, by the data of its run or by its folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from random_pali import MemoryCheckpoints, start_from

from pali3kit.config.component import Component
from pali3kit.config.experiments import shipped_experiments
from pali3kit.config.load import load
from pali3kit.config.schema import Experiment
from pali3kit.data.world.languages import LANGUAGES
from pali3kit.errors import ConfigError
from pali3kit.inference.languages import known_languages, require_language
from pali3kit.inference.saved import open_saved, save


class Fluent(MemoryCheckpoints):
    def languages(self) -> Sequence[str]:
        return ("en", "zh")


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return load(shipped_experiments()["pali3"], ["scale=smoke"])


@pytest.fixture
def own(experiment: Experiment, tmp_path: Path) -> Experiment:
    """On a file with captions in German to train on, in Finnish to test on, and a question in French."""
    lines = [
        {"image": "a.png", "captions": {"de": "ein Fuchs"}},
        {"image": "a.png", "questions": [{"question": "quoi?", "answers": ["renard"], "language": "fr"}]},
        {"image": "a.png", "split": "test", "captions": {"fi": "kettu"}},
    ]
    (tmp_path / "own.jsonl").write_text("\n".join(map(json.dumps, lines)))
    options = {"path": str(tmp_path / "own.jsonl"), "test_split": "test"}
    return replace(experiment, data=replace(experiment.data, source=Component(name="records", options=options)))


def test_they_are_those_of_the_data_to_train_and_to_test_on(experiment: Experiment, own: Experiment) -> None:
    assert known_languages(experiment) == tuple(sorted(LANGUAGES))
    assert known_languages(own) == ("de", "en", "fi", "fr")
    parts = {"mine": {"name": "records", **own.data.source.options}}
    union = replace(own, data=replace(own.data, source=Component(name="union", options={"parts": parts})))
    assert known_languages(union) == ("de", "en", "fi", "fr")


def test_those_of_a_saved_start_are_added_or_nothing_is_known(own: Experiment, tmp_path: Path) -> None:
    for name, kind, known in (("a", Fluent, ("de", "en", "fi", "fr", "zh")), ("b", MemoryCheckpoints, ())):
        save(kind(tmp_path / "memory"), tmp_path / "pali" / name)
        assert tuple(open_saved(tmp_path / "pali" / name).languages()) == tuple(kind(tmp_path / "memory").languages())
        words = start_from(tmp_path / name, tmp_path / "pali" / name)
        start = load(words[0], words[1:]).model
        shutil.rmtree(tmp_path / "pali" / name)
        assert known_languages(replace(own, model=start)) == known


def test_a_folder_that_does_not_record_them_is_read(tmp_path: Path) -> None:
    save(Fluent(tmp_path / "memory"), tmp_path / "old")
    file = tmp_path / "old/config.json"
    config = json.loads(file.read_text())
    del config["languages"]
    file.write_text(json.dumps(config))
    assert open_saved(tmp_path / "old").languages() == ()


def test_case_does_not_matter_and_an_unknown_code_lists_the_known_ones() -> None:
    require_language("PT-BR", ("en", "pt-br"), "m")
    require_language("xx", (), "m")
    with pytest.raises(
        ConfigError, match=r"^m was not trained in the language 'pt', but in en, pt-br\. Did you mean 'pt"
    ):
        require_language("pt", ("en", "pt-br"), "m")
