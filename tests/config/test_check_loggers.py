"""Loggers without their packages are refused before anything runs."""

from __future__ import annotations

import pytest
from planned import changed

from pali3kit.config import check_loggers
from pali3kit.config.component import Component
from pali3kit.config.load import load


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "mlflow"])
def test_the_extra_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load("experiments/ablate_classif.yaml", ["scale=smoke"])
    with_logger = changed(experiment, {"runtime.logger": Component(name=name)})
    assert list(check_loggers.check_loggers(experiment)) == []
    monkeypatch.setattr(check_loggers, "find_spec", lambda package: None)
    [(key, text)] = check_loggers.check_loggers(with_logger)
    assert key == "runtime.logger" and text.endswith(f"pip install 'pali3kit[{name}]'.")
