from __future__ import annotations

import shutil
from pathlib import Path

import fakes
from PIL import Image

from pali3kit.config.load import load
from pali3kit.plan.graph import build
from pali3kit.plan.step import ancestry


def digests(graph):
    return {step.label: step.digest for step in graph.steps}


def test_cells_are_points_times_seeds(tmp_path):
    graph = build(fakes.experiment(tmp_path, seeds=[0, 1]))
    assert [(cell.point["pretrain"], cell.seed) for cell in graph.cells] == [
        ("classif", 0),
        ("classif", 1),
        ("siglip", 0),
        ("siglip", 1),
    ]
    assert all(list(cell.columns) == ["probe", "vqa", "refer", "refer_g"] for cell in graph.cells)


def test_arms_share_what_does_not_depend_on_the_arm(experiment):
    graph = build(experiment)
    classif, siglip = (set(step.digest for step in ancestry(cell.columns.values())) for cell in graph.cells)
    shared = [step.label for step in graph.steps if step.digest in classif & siglip]
    assert sorted(shared) == ["language", "masks", "tokenizer"]
    assert len(graph.steps) == 25


def test_parents_come_first_and_nodes_once(experiment):
    steps = build(experiment).steps
    seen = set()
    for step in steps:
        assert step.digest not in seen
        assert {parent.digest for parent in step.parents.values()} <= seen
        seen.add(step.digest)


def test_adding_an_arm_or_a_seed_keeps_what_is_there(experiment, tmp_path):
    more = fakes.experiment(tmp_path, seeds=[0, 1], grid={"pretrain": ["random", "classif", "siglip"]})
    assert set(digests(build(experiment)).values()) < set(digests(build(more)).values())


def test_grid_over_a_part_and_a_number(tmp_path):
    graph = build(
        fakes.experiment(
            tmp_path,
            grid={"model.vision": [{"name": "vit", "width": 8, "patch": 8}, {"name": "vit", "width": 16, "patch": 8}]},
            baseline={},
        )
    )
    widths = [cell.columns["probe"].parents["flag"].parents["vision"].plain["vision"]["width"] for cell in graph.cells]
    assert widths == [8, 16]


def test_a_union_of_files_can_be_planned(tmp_path, monkeypatch):
    """What `check` accepts, `plan` builds: the parts of a union are parts of every cell."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(Path(__file__).parents[2] / "experiments" / "scales", "scales")
    for number in (1, 2):
        Image.new("RGB", (16, 16)).save(f"{number}.png")
    Path("c.tsv").write_text("a red cup\t1.png\na blue bag\t2.png\n")
    Path("x.yaml").write_text(
        "name: x\nscale: smoke\nevaluate: [caption]\ndata: {train: 2, test: 2, source: {name: union, parts: "
        "{c: {name: tsv, path: c.tsv, images: ., test: c.tsv}}}}\n"
        "stages: {multimodal: {mixture: null}}\n"
    )
    graph = build(load("x.yaml", ["stages.multimodal.mixture={c.caption: 1}"]))
    [transfer] = [step for step in graph.steps if step.kind == "transfer"]
    assert transfer.plain["source"]["parts"]["c"]["path"] == "c.tsv"
