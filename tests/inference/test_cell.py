"""Cells of a run are chosen as reports show them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.config.load import load
from pali3kit.config.saved import EXPERIMENT, to_yaml
from pali3kit.config.schema import Experiment
from pali3kit.errors import ConfigError, DataError
from pali3kit.inference.cell import RunCell, choose_cell
from pali3kit.plan import content
from pali3kit.plan.graph import Graph, build

ROOT = Path(__file__).parents[2]
RUN = Path("runs/sweep")
AXES = (
    "grid={pretrain: [classif, siglip], stages.vision.seed: [3, 4], stages.language.seed: [5, 6],"
    " model.projector: [linear, {name: mlp, hidden: 24}]}"
)


@pytest.fixture(scope="module")
def sweep() -> tuple[Graph, Experiment]:
    words = ["scale=smoke", AXES, "baseline={}", "seeds=[7, 8]", "evaluate=[vqav2]"]
    experiment = load(str(ROOT / "experiments/ablate_classif.yaml"), words)
    return build(experiment), experiment


FIXED = {"stages.vision.seed": 3, "language seed": 6}


@pytest.mark.parametrize(
    ("point", "values"),
    [
        ({"pretrain": "siglip", "projector": "linear"}, ["siglip", "linear"]),
        ({"pretrain": "SigLIP", "model.projector": "mlp"}, ["siglip", "mlp"]),
        ({"pretrain": "classif", "projector": {"name": "mlp", "hidden": 24}}, ["classif", "mlp"]),
        ({"pretrain": "classif", "projector": "mlp (hidden 24)", "scale": "smoke"}, ["classif", "mlp"]),
    ],
)
def test_a_cell_has_the_values_that_are_asked_for(
    sweep: tuple[Graph, Experiment], point: dict[str, object], values: list[str]
) -> None:
    cell, label = choose_cell(*sweep, RUN, 8, {**FIXED, **point})
    projector = cell.point["model.projector"]
    assert [cell.point["pretrain"], projector["name"] if isinstance(projector, dict) else projector] == values
    assert (cell.point["stages.vision.seed"], cell.point["stages.language.seed"], cell.seed) == (3, 6, 8)
    assert label == f"{values[0]}, 3, 6, {'mlp (hidden 24)' if values[1] == 'mlp' else 'linear'}, seed 8"


def test_the_first_seed_is_the_default(sweep: tuple[Graph, Experiment]) -> None:
    cell, label = choose_cell(*sweep, RUN, None, {**FIXED, "pretrain": "siglip", "projector": "linear"})
    assert cell.seed == 7 and label.endswith("seed 7")


@pytest.mark.parametrize(
    ("seed", "point", "told"),
    [
        (None, {"pretrain": "siglip", **FIXED}, "has 2 models. Choose one by projector: linear, mlp (hidden 24)."),
        (None, {"projector": "mlp", **FIXED}, "has 2 models. Choose one by pretrain: classif, siglip."),
        (9, {}, "has no seed 9. Choose from 7, 8."),
        (None, {"pretrain": "sigli"}, "has no pretrain sigli. Did you mean 'siglip'?"),
        (None, {"pretrian": "siglip"}, "has no axis 'pretrian'; its axes: pretrain, stages.vision.seed,"
         " stages.language.seed, model.projector. Did you mean 'pretrain'?"),
        (None, {"seed": 3}, "has several axes 'seed': stages.vision.seed, stages.language.seed. Give the whole key."),
        (None, {"scale": "paper"}, "has scale smoke alone, not paper."),
        (None, {"data.train": 63}, "has data.train 64 alone, not 63."),
    ],
)  # fmt: skip
def test_what_cannot_be_chosen_is_told(
    sweep: tuple[Graph, Experiment], seed: int | None, point: dict[str, object], told: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        choose_cell(*sweep, RUN, seed, point)
    assert str(refused.value) == f"{RUN} {told}"


def test_an_arm_is_chosen_by_its_name() -> None:
    words = ["scale=smoke", "evaluate=[coco]", "grid.arm=[Random,'SigLIP, depth 2']"]
    experiment = load(str(ROOT / "experiments/which_encoder_quick.yaml"), words)
    graph = build(experiment)
    cell, label = choose_cell(graph, experiment, RUN, None, {"arm": "SigLIP, depth 2"})
    assert cell.point == {"arm": "SigLIP, depth 2"} and label == "SigLIP, depth 2, seed 0"
    with pytest.raises(ConfigError, match="Choose one by arm: Random, SigLIP, depth 2"):
        choose_cell(graph, experiment, RUN, None, {})
    with pytest.raises(ConfigError, match=r"has no arm siglip, depth 3\. Did you mean 'SigLIP, depth 2'"):
        choose_cell(graph, experiment, RUN, None, {"arm": "SigLIP, depth 3"})


def test_a_run_whose_data_is_not_seen_from_here_says_where_it_can_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    held = ['{"image": "b.png", "caption": "b", "split": "test"}'] * 2
    (tmp_path / "own.jsonl").write_text("\n".join(['{"image": "a.png", "caption": "a"}', *held]))
    source = ["data.source={name: records, path: own.jsonl, test_split: test}", "data.train=1", "data.test=2"]
    source.append("stages.multimodal.mixture={ocr: 0, vqa: 0, vqg: 0, object_vqa: 0, detect: 0}")
    words = ["scale=smoke", "pretrain=siglip", "grid={}", "baseline={}", "evaluate=[coco]", *source]
    experiment = load(str(ROOT / "experiments/ablate_classif.yaml"), words)
    (tmp_path / EXPERIMENT).write_text(to_yaml(experiment))
    (tmp_path / "own.jsonl").unlink()
    content._content.cache_clear()  # as in another process
    with pytest.raises(DataError, match=r"no file own\.jsonl.* can be used in the working folder in which it ran"):
        RunCell.of(tmp_path)
