from __future__ import annotations

import os
from pathlib import Path

import pytest

from pali3kit.config.check import _blocking_file, _is_within
from pali3kit.config.grid import points, resolve
from pali3kit.config.load import load
from pali3kit.config.paths import impossible
from pali3kit.errors import ConfigError
from pali3kit.registry import SOURCE, VISION


def refusal(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load("x.yaml", overrides)
    return [problem.text for problem in refused.value.problems]


def test_which_options_are_paths() -> None:
    assert SOURCE.describe("vqa").path_options[:2] == ("path", "annotations")
    assert "images" in SOURCE.describe("vqa").path_options and "weights" in VISION.describe("vit").path_options


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a/b", ""),
        ("", "should name a file or folder, not nothing"),
        ("a/" + "x" * 256, f"has a name of more than 255 bytes, '{'x' * 20}…'"),
        ("é" * 128, f"has a name of more than 255 bytes, '{'é' * 20}…'"),
        ("x" * 255, ""),
        ("x/" * 2100, "has more than 4095 bytes"),
    ],
)
def test_paths_that_can_be_none(path: str, why: str) -> None:
    assert impossible(path) == why


def test_folders(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert _blocking_file(str(tmp_path / "file" / "runs")) == str(tmp_path / "file")
    assert _blocking_file(str(tmp_path / "new" / "runs")) == ""
    assert _is_within("runs/store", "runs/store") and _is_within("runs/store/a", "./runs/store/")
    assert not _is_within("runs/store2", "runs/store") and not _is_within("runs", "runs/store")


def test_home_is_written_out_wherever_a_path_is_named(trial: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(trial))
    for name in ("w.npz", "v.npz", "a.txt", "tokens.model"):
        (trial / name).touch()
    given = ["pretrain=pretrained", "grid={}", "evaluate=[probe]", "model.vision.weights=~/w.npz"]
    folders = ["runtime.runs=~/r", "runtime.store=~/s", "stages.mask_tokenizer.source={name: text, path: ~/a.txt}"]
    experiment = load("x.yaml", given + folders)
    assert (experiment.runtime.runs, experiment.runtime.store) == (f"{trial}/r", f"{trial}/s")
    assert experiment.model.vision.options["weights"] == f"{trial}/w.npz"
    assert load("x.yaml", [*given, "runtime.runs=~no-such-user/x"]).runtime.runs == "~no-such-user/x"
    assert experiment.stages.mask_tokenizer.source is not None
    assert experiment.stages.mask_tokenizer.source.options["path"] == f"{trial}/a.txt"
    grid = [
        "pretrain=pretrained",
        "grid={}",
        "grid={model.vision.weights: [~/w.npz, ~/v.npz]}",
        "evaluate=[probe]",
        "baseline={}",
    ]
    experiment = load("x.yaml", grid)
    cells = [resolve(experiment, point) for point in points(experiment)]
    assert [cell.model.vision.options["weights"] for cell in cells] == [f"{trial}/w.npz", f"{trial}/v.npz"]
    told = refusal("tokenizer.file=~/no.model", "tokenizer.vocabulary=null")
    assert told == [f"there is no file '{trial}/no.model'. Did you mean 'tokens.model'?"]
    union = "data.source={name: union, parts: {a: {name: folder, path: ~/no}, b: {name: text, path: ~/no}}}"
    assert {text for text in refusal(union) if "there is no" in text} == {
        f"there is no folder '{trial}/no'.", f"there is no file or folder '{trial}/no'."
    }  # fmt: skip
    assert refusal("model.vision=hf/~/m") == [f"there is no folder '{trial}/m'."]


LONG = "x" * 300


@pytest.mark.parametrize(
    "key",
    ["runtime.runs", "runtime.store", "tokenizer.file", "model.vision.weights", "model.language.weights", "name",
     "model.mask_tokenizer.weights", "data.source={name: coco_captions, images: y, path",
     "evaluation.labelled={name: dtd, path",
     "data.source={name: union, parts: {a: {name: text, path", "stages.mask_tokenizer.source={name: text, path",
     "stages.lit.source={name: folder, path", "evaluation.probes={a: {name: pets, path", "model.vision=hf/."],
)  # fmt: skip
def test_what_no_folder_can_hold_is_refused(trial: Path, key: str) -> None:
    text = f"{key}={LONG}"
    if "=" in key:
        text = f"{key}: {LONG}" + "}" * key.count("{") if "{" in key else f"{key}/{LONG}"
    texts = refusal(text)
    assert any("255 bytes" in each for each in texts), texts
    nul = text.replace(LONG, '"a\\0"') if "hf" not in key else "runtime.runs=\0"
    assert any("is not allowed" in each for each in refusal(nul))


@pytest.mark.parametrize(
    ("overrides", "text"),
    [
        (("name=store",), "name 'store' would mix reports with artifacts: runs/store is in runtime.store."),
        (("name=a", "runtime.store=."), "name 'a' would mix reports with artifacts: runs/a is in runtime.store."),
        (("runtime.runs=file",), "runtime.runs should be a folder: '{here}/file' is a file."),
        (("runtime.store=file/store",), "runtime.store should be a folder: '{here}/file' is a file."),
        (("runtime.runs=",), "runtime.runs should name a file or folder, not nothing."),
    ],
)
def test_folders_that_runs_cannot_have(trial: Path, overrides: tuple[str, ...], text: str) -> None:
    (trial / "file").touch()
    assert refusal(*overrides) == [text.format(here=os.getcwd())]
