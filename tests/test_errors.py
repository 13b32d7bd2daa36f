from __future__ import annotations

import pytest

from pali3kit import errors
from pali3kit.errors import ConfigError, Pali3Error, Problem, choose, nearest


@pytest.mark.parametrize("name", ["ConfigError", "RegistryError", "DataError", "WeightsError", "StageError"])
def test_one_base_catches_all(name: str) -> None:
    assert issubclass(getattr(errors, name), Pali3Error)


def test_config_error_shows_and_keeps_all_problems() -> None:
    problems = [Problem("a.yaml:3", "bad"), "worse"]
    error = ConfigError(problems)
    assert str(error) == "a.yaml:3: bad\nworse"
    assert error.problems == tuple(problems)


@pytest.mark.parametrize(
    ("word", "choices", "suggestion", "choice"),
    [
        ("visoin", ["vision", "masks"], " Did you mean 'vision'?", " Did you mean 'vision'?"),
        ("zzz", ["vision", "masks"], "", " Choose from masks, vision."),
        ("zzz", [], "", ""),
    ],
)
def test_suggestions(word: str, choices: list[str], suggestion: str, choice: str) -> None:
    assert nearest(word, choices) == suggestion
    assert choose(word, choices) == choice
