"""Components without their packages are refused before anything runs, with the extra that has these."""

from __future__ import annotations

import pytest
from planned import changed

from pali3kit.config import check_packages
from pali3kit.config.component import Component
from pali3kit.config.load import load
from pali3kit.registry import TEXT_SCORER

CLASSIFIER = {"toxicity": Component(name="text_classifier", options={"path": "models"})}


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        *(("runtime.logger", Component(name=name), f"runtime.logger '{name}' needs ") for name in
          ("tensorboard", "wandb", "mlflow")),
        ("evaluation.text_scorers", CLASSIFIER, "evaluation.text_scorers.toxicity 'text_classifier' needs "),
    ],
)  # fmt: skip
def test_the_extra_is_named(key: str, value: object, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = load("experiments/pali3.yaml", ["scale=smoke"])
    changed_ = changed(experiment, {key: value})
    assert list(check_packages.check_packages(experiment)) == []
    monkeypatch.setattr(check_packages, "find_spec", lambda package: None)
    [(at, text)] = check_packages.check_packages(changed_)
    assert at.startswith(key) and text.startswith(told)
    extra = "hf" if "scorers" in key else told.split("'")[1]
    assert text.endswith(f": pip install 'pali3kit[{extra}]'.")


def test_options_may_need_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_packages, "find_spec", lambda package: None)
    drawn, coded = (load("experiments/table5.yaml"), Component(name="clips", options={"codec": "h264"}))
    assert list(check_packages.check_packages(drawn)) == []
    [(at, text)] = check_packages.check_packages(changed(drawn, {"data.benchmarks": {"msrvtt_qa": coded}}))
    assert at == "data.benchmarks.msrvtt_qa.codec"
    assert text == f"{at} 'h264' needs av: pip install 'pali3kit[video]'."


def test_a_component_may_say_which_extra_it_is_in() -> None:
    entry = TEXT_SCORER.describe("text_classifier")
    assert (entry.needs, entry.extra) == (("transformers",), "hf")
