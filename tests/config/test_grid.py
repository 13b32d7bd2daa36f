from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.grid import points, resolve
from pali3kit.config.load import _spell_out, load
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
    assert cell.model.projector.options == {"positions": "none", "frame_positions": "none"}
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
    named = _spell_out({"model.projector": "linear", "pretrain": "siglip"}, grid)
    assert named == {"model.projector": {"name": "linear", "positions": "sine2d"}, "pretrain": "siglip"}
    twice = {"model.projector": [{"name": "linear"}, {"name": "linear", "positions": "sine2d"}]}
    assert _spell_out({"model.projector": "linear"}, twice) == {"model.projector": "linear"}


UNION = "{name: union, parts: {a: {name: tsv, path: a.tsv, images: .}, b: {name: tsv, path: a.tsv, images: .}}}"


@pytest.mark.parametrize("key", ["data.source", "stages.mask_tokenizer.source", "stages.lit.source"])
def test_a_cell_keeps_the_parts_of_a_union(trial: Path, key: str) -> None:
    """Sources among a source's options are parts too, wherever the union stands."""
    (trial / "a.tsv").write_text("a red cup\tcup.png\n")
    experiment = load("x.yaml", [f"{key}={UNION}", "evaluate=[probe]", "pretrain=siglip", "grid={}"])
    assert resolve(experiment, {}) == experiment


def test_a_union_may_be_an_axis(trial: Path) -> None:
    (trial / "a.tsv").write_text("a red cup\tcup.png\n")
    experiment = load(
        "x.yaml", ["evaluate=[probe]", f"grid.data.source=[world, {UNION}]", "grid.pretrain=[siglip]", "baseline={}"]
    )
    _, cell = (resolve(experiment, point) for point in points(experiment))
    assert list(cell.data.source.options["parts"]) == ["a", "b"]


@pytest.mark.parametrize("text", ["grid={}", "grid=null", "grid=~"])
def test_a_grid_can_be_taken_away(trial: Path, text: str) -> None:
    """And the baseline with it: one cell has nothing to be compared with."""
    experiment = load("x.yaml", [text])
    assert (experiment.grid, experiment.baseline) == ({}, {})


def test_an_axis_that_is_no_list_is_told(trial: Path) -> None:
    with pytest.raises(ConfigError) as error:
        load("x.yaml", ["grid.pretrain=siglip"])
    assert str(error.value) == (
        "command line: grid.pretrain=siglip: grid.pretrain should be a list, not the text 'siglip': write [siglip]."
    )


@pytest.mark.parametrize(("arm", "kept"), [("random", set()), ("pretrained", {"pretrained"})])
def test_the_random_cells_of_a_grid_have_encoders_without_weights(trial: Path, arm: str, kept: set[str]) -> None:
    vision = "model.vision={name: timm/vit_tiny_patch16_224, pretrained: true}"
    experiment = load("x.yaml", ["grid={pretrain: [random, pretrained]}", "baseline={}", vision])
    cell = resolve(experiment, {"pretrain": arm})
    assert {key for key, value in cell.model.vision.options.items() if value} & {"pretrained", "weights"} == kept
    with pytest.raises(ConfigError, match="timm/vit_tiny_patch16_224 is pretrained, not random"):
        load("x.yaml", ["grid={}", "baseline={}", "pretrain=random", vision])
