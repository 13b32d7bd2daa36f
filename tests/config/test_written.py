"""The schema's values as YAML has them, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from pali3kit.config.component import Component, Optimizer
from pali3kit.config.load import load
from pali3kit.config.schema import Expected, Experiment
from pali3kit.config.stages import Recipe, ResolutionStep, Training
from pali3kit.config.tree import Node
from pali3kit.config.typed import Builder
from pali3kit.config.written import written


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Component(name="vit", options={"width": 8, "weights": None}), {"name": "vit", "width": 8, "weights": None}),
        (Component(name="linear"), {"name": "linear"}),
        (
            Component(name="union", options={"parts": {"a": Component(name="tsv", options={"path": "a"})}}),
            {"name": "union", "parts": {"a": {"name": "tsv", "path": "a"}}},
        ),
        (ResolutionStep(image_size=96, examples=5), {"image_size": 96, "examples": 5}),
        (
            {"vqav2": 5, "coco": Recipe(examples=3)},
            {"vqav2": 5, "coco": {"examples": 3, "batch_size": None, "learning_rate": None, "weight_decay": None,
                                   "label_smoothing": None, "beams": None, "image_size": None, "mixture": {}}},
        ),
        ([Component(name="a"), 1, "x"], [{"name": "a"}, 1, "x"]),
        ((1, 2), [1, 2]),
        (None, None),
    ],
)  # fmt: skip
def test_values_as_yaml_has_them(value: Any, text: Any) -> None:
    assert written(value) == text


def test_an_optimizers_own_options_stand_beside_the_others() -> None:
    told = written(Optimizer(name="lion", options={"beta1": 0.9}))
    assert (told["name"], told["beta1"], told["learning_rate"]) == ("lion", 0.9, 1e-3) and "options" not in told
    assert "options" not in written(Training(examples=1, batch_size=1))["optimizer"]


def test_the_value_is_not_changed() -> None:
    optimizer = Optimizer(options={"beta1": 0.9})
    written(optimizer)["beta1"] = 0.5
    assert optimizer == Optimizer(options={"beta1": 0.9})


def test_what_is_written_is_read_again(trial: Path) -> None:
    experiment = load(
        "x.yaml", ["stages.transfer.benchmarks={coco: {batch_size: 4}, vqav2: 8}", "grid.data.train=[8,9]"]
    )
    text = yaml.safe_dump(written(experiment), sort_keys=False)
    builder = Builder()
    assert builder.build(Experiment, Node.of(yaml.safe_load(text), "x.yaml:1"), "") == experiment
    assert builder.problems == []


def test_what_was_published_keeps_its_source(trial: Path) -> None:
    assert written({"probe": Expected(value=76.2, tolerance=0.3, source="a paper")}) == {
        "probe": {"value": 76.2, "tolerance": 0.3, "source": "a paper"}
    }
