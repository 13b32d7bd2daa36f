"""`model.from`: the folder's components become the experiment's, and what contradicts them is told."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from random_pali import MemoryCheckpoints, start_from

from pali3kit.config.digest import digest
from pali3kit.config.load import load
from pali3kit.config.saved import read_experiment, to_yaml
from pali3kit.config.saved_pali import SavedPaLI
from pali3kit.errors import ConfigError, WeightsError
from pali3kit.inference.saved import save
from pali3kit.plan.graph import build


@pytest.fixture
def arguments(saved: Path, tmp_path: Path) -> Callable[..., list[str]]:
    return lambda *overrides, folder=saved: start_from(tmp_path / "own", folder, *overrides)


def digests(words: list[str]) -> dict[str, str]:
    return {step.label: step.digest for step in build(load(words[0], words[1:])).steps}


def told(words: list[str]) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load(words[0], words[1:])
    return [getattr(problem, "text", str(problem)) for problem in refused.value.problems]


def test_its_settings_are_those_of_the_folder(saved: Path, arguments: Callable[..., list[str]]) -> None:
    experiment = load(*[(words := arguments())[0], words[1:]])
    model, tokenizer = experiment.model, experiment.tokenizer
    assert (model.image_size, model.vision.options["width"], model.language.options["encoder_depth"]) == (32, 16, 1)
    assert (model.projector.options["positions"], model.mask_tokenizer.options["codes"]) == ("none", 8)
    assert (tokenizer.bins, tokenizer.vocabulary, experiment.pretrain) == (32, None, "pretrained")
    assert tokenizer.file == str(saved / "tokenizer.model") and model.from_ == str(saved)
    assert f"from: {saved}" in to_yaml(experiment)


def test_settings_that_agree_are_no_contradiction(arguments: Callable[..., list[str]]) -> None:
    words = arguments("model.image_size=32", "model.projector=linear", "tokenizer.bins=32")
    assert load(words[0], words[1:]).model.image_size == 32


def test_digests_are_of_the_content_not_of_the_place(
    saved: Path, arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    shutil.copytree(saved, tmp_path / "moved")
    first = digests(arguments())
    assert digests(arguments(folder=tmp_path / "moved")) == first
    spec = json.loads((tmp_path / "moved/preprocessor_config.json").read_text())
    spec["vision"]["mean"] = [0.4, 0.5, 0.5]
    (tmp_path / "moved/preprocessor_config.json").write_text(json.dumps(spec))
    moved = digests(arguments(folder=tmp_path / "moved"))
    changed = {label for label in first if first[label] != moved[label]}
    assert changed == first.keys() - {"saved/tokenizer", "saved/mask_tokenizer"}


def test_without_examples_of_stage_1_transfers_start_from_the_folder(arguments: Callable[..., list[str]]) -> None:
    words = arguments("stages.multimodal.examples=0", "stages.multimodal.mixture={}")
    steps = {step.label: step for step in build(load(words[0], words[1:])).steps}
    assert "multimodal" not in steps and steps["transfer/vqa"].parents["model"] is steps["saved/pali"]
    assert steps["evaluate/records/vqav2@multimodal"].parents["model"] is steps["saved/pali"]
    assert "tokenizer" not in steps and "vision" not in steps and "language" not in steps


def test_stage_1_continues_from_the_folder(arguments: Callable[..., list[str]]) -> None:
    words = arguments()
    steps = {step.label: step for step in build(load(words[0], words[1:])).steps}
    assert set(steps["multimodal"].parents) == {"model", "features", "tokenizer"}
    assert steps["features/train"].parents["vision"] is steps["saved/vision"]
    assert steps["transfer/vqa"].parents["model"] is steps["multimodal"]


CONTRADICTIONS = [
    ("model.image_size=64", "model.image_size is not that of model.from, "),
    ("model.vision.depth=3", "model.vision is not that of model.from, "),
    ("model.language={name: ul2, size: tiny}", "model.language is not that of model.from, "),
    ("model.projector=mlp", "model.projector is not that of model.from, "),
    ("tokenizer.bins=100", "tokenizer.bins is not that of model.from, "),
    ("pretrain=classif", "model.from brings a trained image encoder: pretrain should be 'pretrained', not 'classif'"),
    ("model.dual_encoder=open_clip/ViT-B-16-SigLIP", "leave out one of it and model.dual_encoder."),
    ("evaluate=[denoising]", "benchmark 'denoising' measures a language model before stage 1"),
    ("model.start.pali.weights=x", "model.start is not that of model.from, "),
    ("grid={model.start: [{}]}", "grid axis 'model.start' cannot vary between cells"),
    ("grid={model.from: [a, b]}", "grid axis 'model.from' cannot vary between cells"),
    ("stages.multimodal.mixture={}", "stages.multimodal.mixture has no task with a weight above 0."),
]


@pytest.mark.parametrize(("override", "text"), CONTRADICTIONS)
def test_contradictions_are_told(arguments: Callable[..., list[str]], override: str, text: str) -> None:
    assert any(text in line for line in told(arguments(override))), told(arguments(override))


def test_a_folder_that_cannot_be_read_is_told_before_torch(
    saved: Path, arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    shutil.copytree(saved, tmp_path / "broken")
    (tmp_path / "broken/vision.safetensors").unlink()
    program = "import sys; from pali3kit.run import main; main(sys.argv[1:]); sys.exit('torch' in sys.modules)"
    for folder, text in [
        (tmp_path / "none", "model.from: {} is not a saved PaLI: there is no such folder."),
        (tmp_path, "model.from: {} is not a saved PaLI: it has no config.json."),
        (tmp_path / "broken", "model.from: {} is incomplete: vision.safetensors is missing."),
    ]:
        words = [sys.executable, "-c", program, "check", *arguments(folder=folder)]
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        assert text.format(folder) in done.stdout + done.stderr and done.returncode == 0, done.stdout + done.stderr


def test_what_a_transfer_alone_saved_is_no_start(
    saved: Path, arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    memory = MemoryCheckpoints(saved.parent / "memory")
    save(memory, tmp_path / "vqa", ["vqav2"])
    [line] = told(arguments(folder=tmp_path / "vqa"))
    assert line == f"model.from: {tmp_path}/vqa has no checkpoint 'multimodal'. Choose from vqav2."


def test_regions_need_the_mask_tokenizer(saved: Path, arguments: Callable[..., list[str]], tmp_path: Path) -> None:
    shutil.copytree(saved, tmp_path / "bare")
    config = json.loads((saved / "config.json").read_text()) | {"mask_tokenizer": None}
    (tmp_path / "bare/config.json").write_text(json.dumps(config))
    assert SavedPaLI(tmp_path / "bare").mask_tokenizer is None
    lines = told(arguments("evaluate=[refcoco]", folder=tmp_path / "bare"))
    assert f"benchmark 'refcoco' needs the mask tokenizer that {tmp_path}/bare does not have." in lines


def test_a_relative_folder_is_that_of_the_working_folder(
    saved: Path, arguments: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(saved.parent)
    words = arguments(folder=Path("pali"))
    experiment = load(words[0], words[1:])
    assert experiment.model.from_ == str(saved) and experiment.tokenizer.file == str(saved / "tokenizer.model")


def test_what_was_loaded_needs_the_folder_no_more(
    saved: Path, arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    """As a run reads its experiment; a new run needs it, and as it was."""
    shutil.copytree(saved, folder := tmp_path / "pali")
    words = arguments(folder=folder)
    experiment = load(words[0], words[1:])
    wanted = [step.digest for step in build(experiment).steps]
    (tmp_path / "experiment.yaml").write_text(to_yaml(experiment), encoding="utf-8")
    assert [step.digest for step in build(load(tmp_path / "experiment.yaml")).steps] == wanted
    changed = json.loads((folder / "preprocessor_config.json").read_text())
    changed["vision"]["mean"] = [0.4, 0.5, 0.5]
    (folder / "preprocessor_config.json").write_text(json.dumps(changed))
    assert told([str(tmp_path / "experiment.yaml")]) == [
        f"model.start is not that of model.from, {folder}: leave it out, it comes from there."
    ]
    shutil.rmtree(folder)
    assert [step.digest for step in build(read_experiment(tmp_path)).steps] == wanted
    for words, line in (
        ([], f"model.from: {folder} is not a saved PaLI: there is no such folder."),
        (["model.from=null"], "model.start comes from the folder model.from, and there is none: leave it out."),
    ):
        assert line in told([str(tmp_path / "experiment.yaml"), *words])


def test_a_run_from_before_the_start_was_described_reads_the_folder(
    saved: Path, arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    """And has its digests of then, by which its store has the artifacts."""
    words = arguments()
    old = load(words[0], words[1:])
    old.model.start = {}
    (tmp_path / "experiment.yaml").write_text(to_yaml(old), encoding="utf-8")
    found = {step.label: step for step in build(read_experiment(tmp_path)).steps}
    new = digests(words)
    assert found["saved/vision"].digest == new["saved/vision"] and found["saved/pali"].digest != new["saved/pali"]
    # of the files alone
    content = json.loads((saved / "config.json").read_text())
    files = [content["files"][name] for name in content["parts"]["pali.multimodal"]]
    assert found["saved/pali"].plain["weights"] == digest({"files": files, "image_spec": None})
    old.model.from_ = str(tmp_path / "gone")
    with pytest.raises(WeightsError, match="gone is not a saved PaLI: there is no such folder"):
        build(old)


def test_a_folder_without_digests_of_its_weights_is_told(
    saved: Path, arguments: Callable[..., list[str]], tmp_path: Path
) -> None:
    shutil.copytree(saved, folder := tmp_path / "pali")
    content = json.loads((folder / "config.json").read_text())
    for lost in ({"parts": {}}, {"files": {}}):
        (folder / "config.json").write_text(json.dumps(content | lost))
        line = f"model.from: {folder}/config.json is damaged: it has no sha256 of "
        assert any(problem.startswith(line) for problem in told(arguments(folder=folder)))
