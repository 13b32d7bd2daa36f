"""Named arms: one axis of the grid whose values set several keys."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.arms import spelled_out
from pali3kit.config.attention import _trains_ul2
from pali3kit.config.grid import points, resolve
from pali3kit.config.load import load, overridden
from pali3kit.config.saved import parse_experiment, to_yaml
from pali3kit.plan.graph import build
from pali3kit.report.arms import arms_of

ARMS = """\
name: trial
scale: tiny
pretrain: classif
arms:
  - {name: labels}
  - {name: deep pairs, pretrain: siglip, model.vision.depth: 3, stages.vision.examples: 16}
  - name: another network
    pretrain: pretrained
    model.image_size: 128
    model.vision: {name: timm/test_vit, pretrained: true}
evaluate: [probe]
"""


@pytest.fixture
def arms(trial: Path) -> str:
    (trial / "x.yaml").write_text(ARMS)
    return "x.yaml"


def test_all_arms_are_the_first_axis_of_the_grid(arms: str) -> None:
    experiment = load(arms, ["grid.data.train=[8,9]"])
    names = ["labels", "deep pairs", "another network"]
    assert experiment.grid == {"arm": names, "data.train": [8, 9]}
    assert points(experiment)[:3] == [
        {"arm": "labels", "data.train": 8}, {"arm": "labels", "data.train": 9}, {"arm": "deep pairs", "data.train": 8},
    ]  # fmt: skip
    assert load(arms, ["grid={}"]).grid == {"arm": names}
    assert load(arms, ["arms=[]"]).grid == {}


def test_the_grid_may_name_some(arms: str) -> None:
    experiment = load(arms, ["grid.arm=[deep pairs,labels]", "baseline.arm=labels"])
    assert points(experiment) == [{"arm": "deep pairs"}, {"arm": "labels"}]
    labels, pairs = arms_of(build(experiment), experiment)
    assert (labels.label, pairs.label, pairs.baseline) == ("labels", "deep pairs", "labels")
    assert pairs.settings == {
        "arm": "deep pairs", "pretrain": "siglip", "model.vision.depth": 3, "stages.vision.examples": 16,
    }  # fmt: skip


def test_an_arm_sets_its_values_and_no_others(arms: str) -> None:
    experiment = load(arms)
    plain, deep, other = (resolve(experiment, point) for point in points(experiment))
    assert (plain.pretrain, plain.model, plain.stages) == ("classif", experiment.model, experiment.stages)
    assert (deep.pretrain, deep.model.vision.options["depth"], deep.stages.vision.examples) == ("siglip", 3, 16)
    assert deep.model.vision.options["width"] == experiment.model.vision.options["width"]
    assert (other.model.vision.name, other.model.image_size) == ("timm/test_vit", 128)
    assert load(arms, ["grid.arm=[labels]"]).stages == experiment.stages


def test_a_cell_is_that_of_the_same_values_without_arms(arms: str) -> None:
    [alone] = build(
        load(arms, ["arms=[]", "pretrain=siglip", "model.vision.depth=3", "stages.vision.examples=16"])
    ).cells
    by_arm = build(load(arms)).cells[1]
    assert {name: step.digest for name, step in by_arm.columns.items()} == {
        name: step.digest for name, step in alone.columns.items()
    }


def test_a_saved_experiment_has_the_same_cells(arms: str) -> None:
    experiment = load(arms)
    again = parse_experiment(to_yaml(experiment), "saved")
    assert again == experiment and points(again) == points(experiment)
    assert overridden(experiment, "saved", ["evaluation.limit=3"]).grid == experiment.grid


def test_random_cells_have_no_published_weights(arms: str) -> None:
    arm = "[{name: untrained, pretrain: random, model.vision: {name: timm/test_vit, pretrained: true}}]"
    experiment = load(arms, [f"arms={arm}"])
    assert not resolve(experiment, {"arm": "untrained"}).model.vision.options["pretrained"]


def test_what_arms_set_is_asked_like_the_grid(arms: str) -> None:
    experiment = load(arms, ["evaluate=[denoising]"])
    assert _trains_ul2(experiment)
    experiment.model.language.name = "hf/./t5"
    experiment.arms = [{"name": "ours", "model.language": "ul2"}, {"name": "theirs", "model.language": "hf/./t5"}]
    experiment.grid = {"arm": ["theirs", "ours"]}
    assert _trains_ul2(experiment)
    experiment.grid = {"arm": ["theirs"]}  # as `grid.arm=[theirs]` leaves it
    assert not _trains_ul2(experiment)


def test_a_point_is_spelled_out() -> None:
    arms = [{"name": "a", "pretrain": "siglip", "data.train": 3}, {"name": "b"}]
    assert spelled_out({"arm": "a", "data.test": 4}, arms) == {
        "pretrain": "siglip", "data.train": 3, "arm": "a", "data.test": 4,
    }  # fmt: skip
    assert spelled_out({"arm": "b"}, arms) == {"arm": "b"}
    assert spelled_out({"pretrain": "random"}, arms) == {"pretrain": "random"}
