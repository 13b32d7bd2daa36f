"""Whether an image encoder alone can be measured as it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fakes
import pytest
from planned import changed, without_place

from pali3kit.config.component import Component
from pali3kit.config.encoder import _expected, encoder, has_texts, probe_sets
from pali3kit.config.schema import Expected, Experiment
from pali3kit.plan.kinds import finetune

Cell = Callable[..., Experiment]
OPEN_CLIP = Component(name="open_clip/ViT-B-32", options={"pretrained": "openai"})
VIT = {"size": None, "width": 8, "depth": 1, "heads": 1, "mlp": 8, "patch": 8}


@pytest.fixture
def cell(tmp_path: Path) -> Cell:
    """The fake experiment, without a grid, with other values at dotted keys."""
    return lambda **changes: changed(fakes.experiment(tmp_path), {"grid": {}, **changes})


def test_by_default_the_probes_are_the_worlds_eight(cell: Cell) -> None:
    found = probe_sets(cell(**{"evaluation.probes": {}}))
    assert len(found) == 8 and all(part == Component(name="world_probe", options={"task": name})
                                   for name, part in found.items())  # fmt: skip


def test_given_probes_stand_for_them(cell: Cell) -> None:
    assert list(probe_sets(cell())) == ["flag"]


@pytest.mark.parametrize(
    ("changes", "has"),
    [
        ({"evaluation.text_tower": "lit", "pretrain": "random"}, True),
        ({"evaluation.text_tower": "own", "pretrain": "siglip"}, True),
        ({"evaluation.text_tower": "own", "pretrain": "classif"}, False),
        ({"evaluation.text_tower": "own", "pretrain": "pretrained", "model.dual_encoder": OPEN_CLIP}, True),
    ],
)
def test_who_has_a_text_tower(cell: Cell, changes: dict[str, Any], has: bool) -> None:
    assert has_texts(cell(**changes)) is has


@pytest.mark.parametrize(
    ("changes", "key", "text"),
    [
        ({"evaluate": ["probe", "retrieval"], "evaluation.text_tower": "own", "pretrain": "classif"},
         "evaluation.text_tower",
         "an encoder by 'classif' has no text tower of its own: evaluation.text_tower 'lit' trains one. Or leave out "
         "'retrieval'."),
        ({"evaluate": ["probe"], "evaluation.probes": {"mine": Component(name="folders",
         options={"path": "no/where"})}},
         "evaluation.probes.mine.path", "there is no file or folder 'no/where'."),
        ({"evaluate": ["knn"], "evaluation.labelled": Component(name="imagenet", options={"path": "/", "v2": "no/v2"})},
         "evaluation.labelled.v2", "there is no folder 'no/v2'."),
        ({"evaluate": ["retrieval"], "evaluation.captioned": Component(name="xm3600", options={"path": "no.jsonl"})},
         "evaluation.captioned.path", "there is no file or folder 'no.jsonl'."),
        ({"evaluate": ["knn"], "model.dual_encoder": OPEN_CLIP}, "pretrain",
         "a pretrained model of both towers is not trained: pretrain 'pretrained', not 'siglip'."),
        ({"evaluate": ["knn", "denoising"], "model.dual_encoder": OPEN_CLIP, "pretrain": "pretrained"},
         "model.dual_encoder",
         "a pretrained model of both towers is measured as an encoder alone: 'denoising' needs model.vision."),
        ({"evaluate": ["finetune"], "model.dual_encoder": OPEN_CLIP, "pretrain": "pretrained"}, "model.dual_encoder",
         "a pretrained model of both towers is not trained: 'finetune' needs model.vision."),
        ({"evaluate": ["knn"], "model.dual_encoder": Component(name="open_clip/ViT-B-32"), "pretrain": "pretrained"},
         "model.dual_encoder",
         "open_clip/ViT-B-32 has random weights: set pretrained to a tag or a file."),
    ],
)  # fmt: skip
def test_what_cannot_be_measured(
    cell: Cell, changes: dict[str, Any], key: str, text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # elsewhere a file may have a similar name
    assert [(at, without_place(told)) for at, told in encoder(cell(**changes))] == [(key, text)]


@pytest.mark.parametrize(
    "changes",
    [
        {"evaluate": ["probe"]},
        {"evaluate": ["vqav2"], "evaluation.labelled": Component(name="imagenet", options={"path": "no/where"})},
        {"evaluate": ["knn"], "evaluation.captioned": Component(name="xm3600", options={"path": "no/where"})},
        {"evaluate": ["knn", "zero_shot"], "model.dual_encoder": OPEN_CLIP, "pretrain": "pretrained"},
    ],
)
def test_files_of_sets_that_nobody_asks_for_may_be_missing(cell: Cell, changes: dict[str, Any]) -> None:
    assert list(encoder(cell(**changes))) == []


def test_where_a_grid_varies_the_texts_arms_without_a_tower_leave_out_what_reads_them(cell: Cell) -> None:
    asked = {"evaluate": ["retrieval"], "evaluation.text_tower": "own", "pretrain": "classif"}
    assert list(encoder(cell(**asked, grid={"evaluation.text_tower": ["own", "lit"]}))) == []


def test_an_arm_without_a_text_tower_is_told_whatever_another_one_has(cell: Cell) -> None:
    asked = {"evaluate": ["retrieval"], "evaluation.text_tower": "own", "pretrain": "classif"}
    arms = [{"name": "bare"}, {"name": "tuned", "evaluation.text_tower": "lit"}]
    [(key, _)] = encoder(cell(**asked, arms=arms, grid={"arm": ["bare", "tuned"]}))
    assert key == "evaluation.text_tower"
    tuned = {**asked, "evaluation.text_tower": "lit"}
    assert list(encoder(cell(**tuned, arms=arms, grid={"arm": ["bare", "tuned"]}))) == []


def test_a_plug_ins_benchmark_says_itself_which_sets_it_is_measured_on(cell: Cell, add_benchmark: Any) -> None:
    add_benchmark("robust", scored="features", sets=("labelled",), metric="")
    missing = Component(name="imagenet", options={"path": "no/where"})
    found = list(encoder(cell(evaluate=["robust"], **{"evaluation.labelled": missing})))
    assert [key for key, _ in found] == ["evaluation.labelled.path"]


@pytest.mark.parametrize(
    ("name", "options", "size", "texts"),
    [
        ("vit", VIT, None, []),
        ("vit", VIT, 96, []),
        ("vit", VIT, 100, ["patch 8 does not divide 100 pixels; nearest: 96"]),
        ("vit", VIT, 3, ["patch 8 does not divide 3 pixels; nearest: 8"]),
        ("timm/x", {}, 100, []),
        ("open_clip/x", {}, 64, []),
        ("open_clip/x", {}, 96, ["open_clip/x works at one resolution alone: take timm/, hf/ or vit."]),
        ("vit", {**VIT, "size": "B/16"}, 100, []),  # told elsewhere
    ],
)
def test_sizes_to_fine_tune_at(cell: Cell, name: str, options: dict[str, Any], size: int, texts: list[str]) -> None:
    asked = cell(**{"model.vision": Component(name=name, options=options), "stages.finetune.image_size": size})
    assert list(finetune._finetuned(asked)) == [("stages.finetune.image_size", text) for text in texts]


NUMBER = Expected(value=76.2, tolerance=0.3, source="a paper")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("knn.top1", None),
        ("knn.top", "published: 'knn.top' is not measured. Did you mean 'knn.top1'?"),
        ("probe", "published: 'probe' is not measured. 'evaluate' has no 'probe'."),
        ("knn", "published: 'knn' is not measured. Did you mean 'knn.v2'?"),
    ],
)
def test_published_numbers_belong_to_what_is_measured(cell: Cell, name: str, text: str | None) -> None:
    found = list(_expected(cell(evaluate=["knn"], published={name: NUMBER})))
    assert found == ([] if text is None else [(f"published.{name}", text)])


def test_published_numbers_are_of_one_model(cell: Cell) -> None:
    asked = cell(evaluate=["knn"], published={"knn.top1": NUMBER})
    assert list(_expected(changed(asked, {"grid": {"pretrain": ["siglip"]}}))) == []
    [(key, text)] = _expected(changed(asked, {"grid": {"pretrain": ["siglip", "classif"]}}))
    assert key == "published" and text.startswith(
        "published: published numbers are of one model, and a grid has several"
    )
