"""Stage 0 is copied into the package whole, as it was trained or in fp16, and every later stage works with it."""

from __future__ import annotations

import json
import subprocess
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from torch import nn

from pali3kit.catalogue import STAGE
from pali3kit.config.load import load
from pali3kit.config.schema import Experiment
from pali3kit.errors import StageError
from pali3kit.execution import ship
from pali3kit.execution.manifest import read_manifest
from pali3kit.execution.store import Store
from pali3kit.execution.verify import verify_store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.runner import run
from pali3kit.training.components import Artifact
from pali3kit.training.context import StageContext

FILE = Path(__file__).parents[2] / "experiments" / "embedded_stage0.yaml"
SMALL = [
    "scale=smoke", "stages.vision.examples=32", "stages.mask_tokenizer.examples=64", "stages.language.examples=32",
    "tokenizer.sentences=1500", "tokenizer.vocabulary=1200",
]  # fmt: skip
PROVENANCE = {"commit": "c0ffee", "commands": ["python -m pali3kit.run x.yaml"]}
RELATIVE, ABSOLUTE = 2**-11, 2**-25  # rounding errors of fp16, the latter of subnormal numbers


def experiment_in(store: Path, *overrides: str) -> Experiment:
    return load(FILE, [*SMALL, f"runtime.store={store}", f"runtime.runs={store.parent / 'runs'}", *overrides])


def shipped_steps(experiment: Experiment) -> list[Step]:
    return [step for step in build(experiment).steps if step.kind in ship.KINDS]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """The experiment, with a store in which stage 0 is done."""
    experiment = experiment_in(tmp_path_factory.mktemp("trained") / "store")
    store = Store.of(experiment.runtime)
    for step in build(experiment).steps:
        if step.kind in (*ship.KINDS, "corpus"):
            store.work(step).mkdir(parents=True)
            parents = {role: store.path(parent) for role, parent in step.parents.items()}
            context = StageContext(store.work(step), parents, step.seed, lambda done, total, **numbers: None, threads=1)
            import_module(STAGE.find(step.kind).target).run(step.config, context)
            (store.work(step) / "output.txt").write_text("what the stage printed")
            store.publish(step, seconds=12.5, threads=1)
    return experiment


@pytest.fixture(scope="module")
def whole(trained: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("whole")
    ship._ship(trained, out, False, PROVENANCE)
    return out


@pytest.fixture(scope="module")
def half(trained: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("half")
    ship._ship(trained, out, True, PROVENANCE)
    return out


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*")) if file.is_file()}


def test_stage_0_is_there_and_nothing_else(trained: Experiment, whole: Path) -> None:
    names = {step.name for step in shipped_steps(trained)}
    assert {folder.name for folder in whole.iterdir()} == names
    assert sorted(step.kind for step in shipped_steps(trained)) == [
        "language", "mask_tokenizer", "tokenizer", "vision", "vision",
    ]  # fmt: skip
    files = {name.split("-")[0] + "/" + name.split("/")[1] for name in content(whole)}
    assert files == {
        "tokenizer/config.json", "tokenizer/manifest.json", "tokenizer/tokenizer.model",
        "vision/config.json", "vision/curve.csv", "vision/manifest.json", "vision/text_tower.safetensors",
        "vision/weights.safetensors",
        "language/config.json", "language/curve.csv", "language/manifest.json", "language/weights.safetensors",
        "mask_tokenizer/config.json", "mask_tokenizer/curve.csv", "mask_tokenizer/manifest.json",
        "mask_tokenizer/weights.safetensors",
    }  # fmt: skip


def test_whole_files_are_those_of_the_store(trained: Experiment, whole: Path) -> None:
    store = content(Path(trained.runtime.store))
    shipped = {name: data for name, data in content(whole).items() if not name.endswith("manifest.json")}
    assert len(shipped) == 15 and all(store[name] == data for name, data in shipped.items())


@pytest.mark.parametrize("precision", ["whole", "half"])
def test_it_is_undamaged_and_known_by_the_same_digests(
    precision: str, trained: Experiment, request: pytest.FixtureRequest
) -> None:
    store = Store(request.getfixturevalue(precision), full=True)
    assert verify_store(store) == 0 and store.missing(shipped_steps(trained)) == []


def test_the_manifest_says_how_it_was_made(trained: Experiment, half: Path) -> None:
    store = Store.of(trained.runtime)
    for step in shipped_steps(trained):
        before, after = store.manifest(step), read_manifest(half / step.name / "manifest.json")
        kept = before.keys() - {"files", "sha256", "seal"}
        assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
        cast = {name: digest for name, digest in before["sha256"].items() if name.endswith(".safetensors")}
        assert after["shipped"] == {**PROVENANCE, "cast_to_float16": cast} and bool(cast) == (step.kind != "tokenizer")
        for name in cast:
            assert after["files"][name] < 0.6 * before["files"][name]
            with safe_open(half / step.name / name, "pt") as file:
                assert {file.get_tensor(key).dtype for key in file.keys()} == {torch.float16}  # noqa: SIM118


def test_shipping_again_gives_the_same_bytes_and_removes_what_is_no_longer_shipped(
    trained: Experiment, half: Path, tmp_path: Path
) -> None:
    old = tmp_path / "vision-0123456789ab"
    old.mkdir()
    (old / "weights.safetensors").touch()
    for _ in range(2):
        ship._ship(trained, tmp_path, True, PROVENANCE)
        assert content(tmp_path) == content(half)


def models(folder: Path, experiment: Experiment) -> dict[str, nn.Module]:
    """All models of stage 0, and the encoder for larger images, whose positions are resampled."""
    artifacts = {step.label: Artifact(folder / step.name) for step in shipped_steps(experiment)}
    tokenizer = artifacts["tokenizer"].tokenizer()
    return {
        "classif": artifacts["vision classif"].vision(),
        "siglip": artifacts["vision siglip"].dual_encoder(tokenizer),
        "larger": artifacts["vision siglip"].vision(96),
        "language": artifacts["language"].language(tokenizer),
        "mask_tokenizer": artifacts["mask_tokenizer"].mask_tokenizer(),
    }


def test_models_are_in_fp32_whatever_the_files_are_in(trained: Experiment, whole: Path, half: Path) -> None:
    wholes, halves = models(whole, trained), models(half, trained)
    for name, model in wholes.items():
        found = halves[name].state_dict()
        for key, tensor in model.state_dict().items():
            assert found[key].dtype == tensor.dtype == torch.float32, f"{name}: {key}"
            error, largest = (found[key] - tensor).abs().max(), tensor.abs().max()
            assert error <= 2 * max(RELATIVE * largest, ABSOLUTE), f"{name}: {key}"


def test_what_is_not_made_or_was_shipped_before_is_refused(trained: Experiment, half: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(StageError, match=r"damaged there: vision classif, tokenizer, language, .*Run the experiment"):
        ship._ship(experiment_in(tmp_path), out, True, PROVENANCE)
    with pytest.raises(StageError, match=r"copies of what was shipped before: vision classif, .*Train in a new store"):
        ship._ship(experiment_in(half), out, True, PROVENANCE)
    assert not out.exists()


def git(folder: Path, *arguments: str) -> None:
    own = ["-c", "user.name=A", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *own, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_commit_is_that_of_an_unchanged_checkout(tmp_path: Path) -> None:
    checkout, out = tmp_path / "checkout", tmp_path / "checkout" / "pali3kit" / "shipped"
    out.mkdir(parents=True)
    with pytest.raises(StageError, match=r"is no git checkout, whose commit could be recorded: "):
        ship._commit(checkout, out)
    git(checkout, "init", "-q")
    (checkout / "a.py").write_text("x = 1\n")
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "one")
    head = ship._commit(checkout, out)
    assert len(head) == 40 and ship._commit(checkout, tmp_path / "elsewhere") == head
    (out / "weights.safetensors").touch()  # from shipping before
    assert ship._commit(checkout, out) == head
    with pytest.raises(StageError, match=r"differs from its commit"):
        ship._commit(checkout, tmp_path / "elsewhere")
    (checkout / "a.py").write_text("x = 2\n")
    with pytest.raises(StageError, match=rf"differs from its commit {head[:12]}: commit or stash first\.\nM a\.py"):
        ship._commit(checkout, out)


def test_the_command(
    trained: Experiment, half: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ship, "_commit", lambda checkout, out: "c0ffee")
    words = [str(FILE), *SMALL, f"runtime.store={trained.runtime.store}", "--out", str(tmp_path / "out")]
    assert ship._main([*words, "--half"]) == 0
    assert "5 artifacts" in capsys.readouterr().out
    manifest = next((tmp_path / "out").glob("language-*")) / "manifest.json"
    made, shipped = read_manifest(manifest)["shipped"]["commands"]
    assert made.startswith("python -m pali3kit.run experiments/embedded_stage0.yaml scale=smoke ")
    common = made.removesuffix(" 'runtime.read_from=[]'")  # without it a run would read what ships
    assert made != common and shipped == common.replace("pali3kit.run", "pali3kit.execution.ship") + " --half"
    assert ship._main([*words, f"runtime.store={tmp_path}"]) == 2
    assert capsys.readouterr().err.startswith(f"not in {tmp_path}, or damaged there: ")


def scores(experiment: Experiment) -> dict[str, Any]:
    report = json.loads((Path(experiment.runtime.runs) / experiment.name / "report.json").read_text())
    return {
        f"{table['after']} {row['label']} {name}": cell["ours"]["mean"]
        for table in report["tables"]
        for row in table["rows"]
        for name, cell in row["cells"].items()
        if cell["ours"]
    }


@pytest.mark.slow
def test_all_later_stages_continue_from_fp16(whole: Path, half: Path) -> None:
    """Frozen features, stages 1 and 2, transfers with regions, LiT and fine-tuning; nothing of stage 0 is made again.

    At this scale models answer nearly at random, and rounding can turn a single answer: one of 16 is 6 points.
    """
    rest = [
        "evaluate=[probe,retrieval,finetune,denoising,mask_tokenizer,coco,vqav2,refcoco]",
        "grid.evaluation.text_tower=[own,lit]", "evaluation.after=[multimodal,resolution,transfer]",
        "stages.transfer.start=resolution", "evaluation.probes={count: {name: world_probe, task: count}}",
    ]  # fmt: skip
    found = []
    for folder in (whole, half):
        experiment = experiment_in(folder, *rest)
        before = {step.name: content(folder / step.name) for step in shipped_steps(experiment)}
        assert run(experiment) == 0
        assert {name: content(folder / name) for name in before} == before
        found.append(scores(experiment))
    assert found[0].keys() == found[1].keys() and len(found[0]) > 20
    for name, value in found[0].items():
        assert found[1][name] == pytest.approx(value, abs=0.01 if "denoising" in name else 7), name
