from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.grid import points, resolve, spell_out
from pali3kit.config.load import load
from pali3kit.errors import ConfigError


def test_points_in_order(trial: Path) -> None:
    experiment = load("x.yaml", ["grid.data.train=[8,9]"])
    assert points(experiment) == [
        {"pretrain": "classif", "data.train": 8},
        {"pretrain": "classif", "data.train": 9},
        {"pretrain": "siglip", "data.train": 8},
        {"pretrain": "siglip", "data.train": 9},
    ]


def test_without_a_grid_there_is_one_cell(trial: Path) -> None:
    (trial / "x.yaml").write_text("name: trial\nscale: tiny\nevaluate: [probe]\n")
    assert points(load("x.yaml")) == [{}]


def test_resolving_nothing_changes_nothing(trial: Path) -> None:
    experiment = load("x.yaml")
    assert resolve(experiment, {}) == experiment


def test_resolve_sets_keys_and_parts(trial: Path) -> None:
    experiment = load("x.yaml")
    cell = resolve(
        experiment,
        {"pretrain": "random", "model.projector": "linear", "model.vision": {"depth": 3}, "data.source.objects": 9},
    )
    assert cell.pretrain == "random"
    assert cell.model.projector.options == {"positions": "none"}
    assert cell.model.vision.options == {**experiment.model.vision.options, "depth": 3}
    assert cell.data.source.options["objects"] == 9
    assert cell.stages == experiment.stages
    assert experiment.pretrain == "siglip"


def test_a_size_replaces_the_numbers_of_a_vit(trial: Path) -> None:
    cell = resolve(load("x.yaml"), {"model.vision": {"name": "vit", "size": "B/16"}})
    assert cell.model.vision.options["size"] == "B/16"


def test_resolve_refuses_what_does_not_fit(trial: Path) -> None:
    with pytest.raises(ConfigError, match=r"grid: data.train should be an integer, not the text 'x'"):
        resolve(load("x.yaml"), {"data.train": "x"})


def test_a_baseline_may_name_a_part_of_the_grid() -> None:
    grid = {"model.projector": [{"name": "linear", "positions": "sine2d"}, "mlp"], "pretrain": ["siglip"]}
    named = spell_out({"model.projector": "linear", "pretrain": "siglip"}, grid)
    assert named == {"model.projector": {"name": "linear", "positions": "sine2d"}, "pretrain": "siglip"}
    twice = {"model.projector": [{"name": "linear"}, {"name": "linear", "positions": "sine2d"}]}
    assert spell_out({"model.projector": "linear"}, twice) == {"model.projector": "linear"}
