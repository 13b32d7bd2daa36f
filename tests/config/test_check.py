from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.config.check import MAX_PROBLEMS
from pali3kit.config.check_axes import MAX_CELLS
from pali3kit.config.grid import points
from pali3kit.config.load import load
from pali3kit.errors import ConfigError

BENCHMARKS = (
    "activitynet, activitynet_qa, ai2d, celeba, chartqa, coco, denoising, docvqa, fairface, finetune, infovqa, knn, "
    "linear, mask_tokenizer, memory, miap, msrvtt, msrvtt_qa, nextqa, ocrvqa, okvqa, probe, refcoco, refcoco_plus, "
    "refcocog, retrieval, screen2words, smit, stvqa, tallyqa, textcaps, textvqa, textvqa_server, throughput, vatex, "
    "vqav2, widgetcap, xm3600, zero_shot"
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
        ("seeds=[1,2,1]", "seeds [1, 2, 1] contain a seed twice."),
        ("seeds=[-1]", "seeds [-1] should all be at least 0 and less than 2^32."),
        ("seeds=[5000000000]", "seeds [5000000000] should all be at least 0 and less than 2^32."),
        ("evaluate=[]", f"evaluate is empty. Choose from {BENCHMARKS}."),
        ("evaluate=[vqav2,vqav2]", "evaluate names a benchmark twice."),
        ("evaluate=[txtvqa]", "unknown name 'txtvqa' in evaluate. Did you mean 'textvqa'?"),
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
        ("baseline.model.mask_tokenizer=vqvae", "baseline 'model.mask_tokenizer' is no axis of the grid. Choose "
                                                "from pretrain."),
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


def test_a_grid_has_a_bound(trial: Path) -> None:
    sides = ["grid.data.train=" + str(list(range(100, 132))), "grid.data.test=" + str(list(range(2, 10)))]
    assert len(points(load("x.yaml", sides))) == MAX_CELLS
    told = [f"the grid has more than {MAX_CELLS} cells: split it into several experiments."]
    assert complaints(*sides, "grid.data.validation=[0,1]") == told
    assert complaints(f"grid.data.train={list(range(100, 5100))}") == told
    many = ", ".join(f"model.projector.{chr(97 + i)}{j}: [1, 2]" for i in range(26) for j in range(40))
    assert complaints(f"grid={{{many}}}")[0].startswith("the grid has more than")


def test_a_grid_of_an_axis_that_is_too_deep(trial: Path) -> None:
    axis = "data.source" + ".parts.a" * 40
    assert complaints(f"grid={{{axis}: [1]}}")[0].startswith(f"grid axis '{axis[:100]}…' is no key of an experiment.")
    assert complaints(f"{axis}=1") == ["a key with more than 32 dots: no key is nested that deep."]


@pytest.mark.parametrize(
    ("override", "text"),
    [
        (f"seeds={list(range(1001))}", "there are 1001 seeds, but at most 1000 are allowed."),
        (f"name={'é' * 128}", f"name '{'é' * 100}…' is longer than the 255 bytes of a folder's name."),
        ("name=a/b", "name 'a/b' should be a plain folder name: letters, digits, _, - and dots."),
    ],
)
def test_bounds_of_the_whole(trial: Path, override: str, text: str) -> None:
    assert complaints(override) == [text]


def test_thousands_of_misspelt_names(trial: Path) -> None:
    """All unknown keys are told, the first of them with a suggestion; of other names the first ones are."""
    keys = ", ".join(f"devcies{i}: 1" for i in range(1000))
    texts = complaints(f"runtime={{{keys}}}")
    assert len(texts) == 1000
    assert texts[0] == "unknown key 'runtime.devcies0'. Did you mean 'devices'?"
    assert texts[-1] == "unknown key 'runtime.devcies999'."
    assert len(complaints(f"evaluate={[f'cap{i}' for i in range(1000)]}")) == MAX_PROBLEMS


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
        ({"scored": "loss", "kind": "evalute", "metric": ""},
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
