from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.config.load import load
from pali3kit.errors import ConfigError

COLUMNS = (
    "caption, caption_multilingual, denoising, finetune, knn, linear, probe, refer, refer_g, refer_plus, retrieval, "
    "vqa, vqa_knowledge, vqa_text, zero_shot"
)


def complaints(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        load("x.yaml", overrides)
    return [problem.text for problem in error.value.problems if not isinstance(problem, str)]


@pytest.mark.parametrize(
    ("override", "text"),
    [
        ("name=a/b", "name 'a/b' should be a plain folder name: letters, digits, _, - and dots."),
        ("name=..", "name '..' should be a plain folder name: letters, digits, _, - and dots."),
        ("paper=tabel1", "unknown table 'tabel1'. Did you mean 'table1'?"),
        ("seeds=[]", "seeds should name at least one seed."),
        ("seeds=[1,2,1]", "seeds [1, 2, 1] repeat one: each seed counts once."),
        ("seeds=[-1]", "seeds [-1] should all be at least 0 and less than 2^32."),
        ("seeds=[5000000000]", "seeds [5000000000] should all be at least 0 and less than 2^32."),
        ("evaluate=[]", f"evaluate is empty. Choose from {COLUMNS}."),
        ("evaluate=[vqa,vqa]", "evaluate names something twice."),
        ("evaluate=[vqa_txt]", "unknown name 'vqa_txt' in evaluate. Did you mean 'vqa_text'?"),
        ("evaluation.after=[transfr]", "unknown name 'transfr' in evaluation.after. Did you mean 'transfer'?"),
        ("grid.modle.vision=[vit]",
         "grid axis 'modle.vision' is no key of an experiment. Did you mean 'model.vision'?"),
        ("grid.seeds=[1]", "grid axis 'seeds' cannot vary between cells: it belongs to the whole experiment."),
        ("grid.runtime.threads=[1]",
         "grid axis 'runtime.threads' cannot vary between cells: it belongs to the whole experiment."),
        ("grid.data.train=[]", "grid axis 'data.train' has no values."),
        ("grid.data.train=[9,9]", "grid axis 'data.train' has a value twice."),
        ("grid.data.train=[9,x]", "data.train should be an integer, not the text 'x'."),
        ("grid.data.train=[9,0]", "data.train should be at least 1, not 0."),
        ("grid.model.projector=[linear,linaer]", "model.projector: unknown projector 'linaer'. Did you mean 'linear'?"),
        ("grid.model.vision.wdth=[32]", "unknown key 'model.vision.wdth'. Did you mean 'width'?"),
        ("grid.pretrain=[classif,sigli]", "pretrain cannot be 'sigli'. Did you mean 'siglip'?"),
        ("baseline.model.masks=vqvae", "baseline 'model.masks' is no axis of the grid. Choose from pretrain."),
        ("baseline.pretain=siglip", "baseline 'pretain' is no axis of the grid. Did you mean 'pretrain'?"),
        ("baseline.pretrain=clasif", "baseline pretrain 'clasif' is not in the grid. Did you mean 'classif'?"),
    ],
)  # fmt: skip
def test_whole_experiment(trial: Path, override: str, text: str) -> None:
    assert complaints(override) == [text]


def test_cells_are_judged_in_combination(trial: Path) -> None:
    assert complaints("grid.model.vision.patch=[8,16]", "grid.model.image_size=[64,72]") == [
        "patch 16 does not divide image_size 72; nearest: 18"
    ]


def test_a_grid_of_whole_parts(trial: Path) -> None:
    experiment = load("x.yaml", ["grid.model.projector=[linear,{name: linear, positions: sine2d}]"])
    assert list(experiment.grid) == ["pretrain", "model.projector"]


def test_what_depends_on_a_refused_value_is_not_judged(trial: Path) -> None:
    assert complaints("model.image_size=big", "grid.model.vision.patch=[7]") == [
        "model.image_size should be an integer, not the text 'big'."
    ]
    assert complaints("grid=3", "model.vision.patch=7") == [
        "grid should be a mapping, not the number 3.",
        "patch 7 does not divide image_size 64; nearest: 8",
    ]


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"kind": "evalute"}, "benchmark 'docvqa' names an unknown stage 'evalute'. Did you mean 'evaluate'?"),
        ({"metric": "cidr"}, "benchmark 'docvqa' names an unknown metric 'cidr'. Did you mean 'cider'?"),
        ({"setting": "{shosts} shots"},
         "benchmark 'docvqa' names an unknown key of evaluation 'shosts'. Did you mean 'shots'?"),
        ({"answered": "loss", "kind": "evalute", "metric": ""},
         "benchmark 'docvqa' names an unknown stage 'evalute'. Did you mean 'evaluate'?"),
    ],
)  # fmt: skip
def test_what_a_plug_ins_benchmark_names_is_there(
    trial: Path, add_benchmark: Callable[..., Any], told: dict[str, str], text: str
) -> None:
    add_benchmark("docvqa", **{"task": "vqa", **told})
    assert complaints("evaluate=[docvqa]") == [text]


def test_a_plug_ins_benchmark_can_be_asked_for(trial: Path, add_benchmark: Callable[..., Any]) -> None:
    add_benchmark("docvqa", task="vqa_text")
    assert load("x.yaml", ["evaluate=[docvqa]"]).evaluate == ["docvqa"]


def test_stages_after_which_nothing_can_be_measured_are_no_choice(trial: Path) -> None:
    assert complaints("evaluation.after=[xyz]") == [
        "unknown name 'xyz' in evaluation.after. Choose from multimodal, resolution, transfer."
    ]
