"""A key or name that was renamed is refused at its line, with its new name, wherever it stands."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit import run
from pali3kit.config.load import load
from pali3kit.config.renamed import RENAMED, RENAMED_NAMES, SINCE
from pali3kit.errors import ConfigError

KEYS = {
    "runtime.processes": "runtime.devices",
    "model.tower_pair": "model.dual_encoder",
    "stages.mask_codes": "stages.mask_tokenizer",
    "model.encoder": "model.vision",
}
NAMES = {
    "benchmark": {"coco_old": "coco"},
    "stage": {"moved": "transfer"},
    "pretrain": {"contrastive": "siglip"},
    "vision": {"transformer": "vit"},
    "optimizer": {"adam": "adamw"},
    "projector/linear": {"place": "positions"},
    "optimizer/muon": {"speed": "momentum"},
    "kind": {"encoder": "vision"},
}


@pytest.fixture(autouse=True)
def renamed(monkeypatch: pytest.MonkeyPatch) -> None:
    for key, new in KEYS.items():
        monkeypatch.setitem(RENAMED, key, new)
    for where, names in NAMES.items():
        monkeypatch.setitem(RENAMED_NAMES, where, names)


def called(new: str) -> str:
    return f"It is called '{new}' since {SINCE}."


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("runtime: {processes: 2}", f"unknown key 'runtime.processes'. {called('runtime.devices')}"),
        ("model: {tower_pair: x}", f"unknown key 'model.tower_pair'. {called('model.dual_encoder')}"),
        ("stages: {mask_codes: {examples: 3}}", f"unknown key 'stages.mask_codes'. {called('stages.mask_tokenizer')}"),
        ("pretrain: contrastive", f"pretrain cannot be 'contrastive'. {called('siglip')}"),
        ("model: {vision: transformer}", f"model.vision: unknown vision 'transformer'. {called('vit')}"),
        ("model: {projector: {place: none}}", f"unknown key 'model.projector.place'. {called('positions')}"),
        ("stages: {vision: {optimizer: {name: adam}}}", f"cannot be 'adam'. {called('adamw')}"),
        (
            "stages: {vision: {optimizer: {speed: 1}}}",
            f"unknown key 'stages.vision.optimizer.speed'. {called('momentum')}",
        ),
        ("evaluation: {after: [moved]}", f"unknown name 'moved' in evaluation.after. {called('transfer')}"),
        ("data: {tasks: {coco_old: vqa}}", f"data.tasks: unknown benchmark 'coco_old'. {called('coco')}"),
        ("data: {benchmarks: {coco_old: world}}", f"no generated benchmark 'coco_old'. {called('coco')}"),
        ("stages: {transfer: {benchmarks: {coco_old: 9}}}", f"unknown benchmark 'coco_old'. {called('coco')}"),
        (
            "published: {coco_old: {value: 1, tolerance: 1, source: x}}",
            f"'coco_old' is not measured. {called('coco')}",
        ),
    ],
)
def test_old_keys_and_names_in_a_file(trial: Path, line: str, told: str) -> None:
    (trial / "x.yaml").write_text(f"name: trial\nscale: tiny\nevaluate: [probe]\n{line}\n")
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    assert [str(problem) for problem in error.value.problems if told in problem.text], error.value
    assert str(error.value.problems[0]).startswith("x.yaml:4: ")


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("evaluate: [coco_old]", f"x.yaml:3: unknown name 'coco_old' in evaluate. {called('coco')}"),
        (
            "grid: {stages.mask_codes.examples: [8, 9]}\nevaluate: [probe]",
            "x.yaml:3: grid axis 'stages.mask_codes.examples' is no key of an experiment."
            f" {called('stages.mask_tokenizer.examples')}",
        ),
        (
            "grid: {pretrain: [siglip]}\nbaseline: {runtime.processes: 1}\nevaluate: [probe]",
            f"x.yaml:4: baseline 'runtime.processes' is no axis of the grid. {called('runtime.devices')}",
        ),
        (
            "grid: {pretrain: [siglip]}\nbaseline: {pretrain: contrastive}\nevaluate: [probe]",
            f"x.yaml:4: baseline pretrain 'contrastive' is not in the grid. {called('siglip')}",
        ),
        (
            "grid: {model.vision: [transformer]}\nevaluate: [probe]",
            f"x.yaml:3: model.vision: unknown vision 'transformer'. {called('vit')}",
        ),
        (
            "grid: {pretrain: [contrastive, random]}\nevaluate: [probe]",
            f"x.yaml:3: pretrain cannot be 'contrastive'. {called('siglip')}",
        ),
    ],
)
def test_old_names_in_lists_and_grids(trial: Path, lines: str, told: str) -> None:
    (trial / "x.yaml").write_text(f"name: trial\nscale: tiny\n{lines}\n")
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    assert told in map(str, error.value.problems)


def test_old_keys_on_the_command_line(trial: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ConfigError) as error:
        load("x.yaml", ["runtime.processes=2"])
    told = f"unknown key 'runtime.processes'. {called('runtime.devices')}"
    assert [str(each) for each in error.value.problems] == [f"command line: runtime.processes=2: {told}"]
    assert run.main(["check", "x.yaml", "--runtime.processes", "2"]) == 2
    assert f"unknown flag '--runtime.processes'. {called('runtime.devices')}" in capsys.readouterr().err
    assert run.main(["list", "encoder"]) == 2
    assert f"unknown kind 'encoder'. {called('vision')}" in capsys.readouterr().err


def test_a_new_key_is_not_missed_where_the_old_one_stands(trial: Path) -> None:
    scale = trial / "scales" / "tiny.yaml"
    scale.write_text(scale.read_text().replace("  vision: {name: vit", "  encoder: {name: vit"))
    with pytest.raises(ConfigError) as error:
        load("x.yaml")
    assert [problem.text for problem in error.value.problems] == [
        f"unknown key 'model.encoder'. {called('model.vision')}"
    ]
