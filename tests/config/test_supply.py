"""What a plug-in's source is asked for: the tasks that its records tell of, and nothing about its options."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.errors import ConfigError
from pali3kit.registry import SOURCE, Entry

VQA = ["grid={}", "baseline={}", "evaluate=[vqa]", "stages.multimodal.mixture={splitcap: 1, ocr: 0, vqa: 1}"]


@pytest.fixture
def shapes(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    SOURCE.names()
    monkeypatch.setitem(SOURCE._entries, "shapes", Entry("shapes", "shapes:create", tells=("captions", "questions")))


def test_a_source_that_draws_needs_neither_files_nor_a_test_option(shapes: None) -> None:
    experiment = load("x.yaml", [*VQA, "data.source={name: shapes, path: of least resistance}"])
    assert experiment.data.source.options == {"path": "of least resistance"}


def test_it_has_the_tasks_that_it_tells_of(shapes: None) -> None:
    with pytest.raises(ConfigError, match=r"source 'shapes' has no task 'ocr'\. Choose from caption,"):
        load("x.yaml", [*VQA, "data.source=shapes", "stages.multimodal.mixture.ocr=1"])


def test_an_option_for_test_pictures_that_is_left_empty_is_told(shapes: None) -> None:
    with pytest.raises(ConfigError, match=r"measured on test pictures: name them, data\.source\.test"):
        load("x.yaml", [*VQA, "data.source={name: shapes, test: null}"])
