"""A saved PaLI as artifacts, and a run that starts from it, on images of one's own, to a report and a new folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from random_pali import MemoryCheckpoints, answer, start_from

import pali3kit as pk
from pali3kit.config.load import load
from pali3kit.config.saved import to_yaml
from pali3kit.errors import ConfigError, WeightsError
from pali3kit.execution.make import make_stage
from pali3kit.execution.store import Store
from pali3kit.inference.checkpoints import STAGE_1
from pali3kit.inference.saved import save
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.report import collect
from pali3kit.training.components import Artifact
from pali3kit.training.context import Execution


class Fluent(MemoryCheckpoints):
    def languages(self) -> Sequence[str]:
        return ("de", "en")


class Run:
    """A run of all stages in this process."""

    def __init__(self, root: Path) -> None:
        self.memory = Fluent(root / "memory")
        save(self.memory, root / "pali")
        words = start_from(root / "own", root / "pali", f"runtime.store={root}/store", f"runtime.runs={root}")
        self.experiment = load(words[0], words[1:])
        self.graph, self.store = build(self.experiment), Store.of(self.experiment.runtime)
        for step in self.graph.steps:
            make_stage(step, self.store, 1, Execution(), lambda message: None)
        self.steps = {step.label: step for step in self.graph.steps}
        (root / "run").mkdir()
        (root / "run" / "experiment.yaml").write_text(to_yaml(self.experiment), encoding="utf-8")

    def artifact(self, label: str) -> Artifact:
        return Artifact(self.store.path(self.steps[label]))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return Run(tmp_path_factory.mktemp("run"))


def test_each_part_is_the_artifact_of_its_stage(run: Run) -> None:
    vision, saved = run.artifact("saved/vision").vision(), run.memory.vision(STAGE_1)
    assert all(torch.equal(vision.state_dict()[name], tensor) for name, tensor in saved.state_dict().items())
    tokenizer = run.artifact("saved/tokenizer").tokenizer()
    assert len(tokenizer) == len(run.memory.tokenizer())
    model, saved_model = run.artifact("saved/pali").pali(tokenizer), run.memory.model(STAGE_1)
    assert all(torch.equal(model.state_dict()[name], tensor) for name, tensor in saved_model.state_dict().items())


def test_the_preprocessing_is_that_of_the_folder(run: Run, tmp_path: Path) -> None:
    artifact = run.artifact("saved/vision")
    config = artifact.config | {"image_spec": {**artifact.config["image_spec"], "mean": [0.1, 0.2, 0.3]}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "weights.safetensors").write_bytes((artifact.folder / "weights.safetensors").read_bytes())
    assert Artifact(tmp_path).vision().image_spec.mean == (0.1, 0.2, 0.3)
    assert Artifact(tmp_path).vision(48).image_spec.size == 48


def test_stage_1_starts_from_the_weights_of_the_folder(run: Run) -> None:
    """Two steps of eight examples move them, but not far."""
    tokenizer = run.memory.tokenizer()
    found, start = run.artifact("multimodal").pali(tokenizer).state_dict(), run.memory.model(STAGE_1).state_dict()
    moved = torch.cat([(found[name] - start[name]).flatten() for name in start])
    assert 0 < moved.norm() < 0.1 * torch.cat([tensor.flatten() for tensor in start.values()]).norm()


def test_the_report_has_a_number_after_each_stage(run: Run) -> None:
    report = collect(run.graph, run.store, run.experiment)
    for table in report.tables:
        [row] = table.rows
        assert row.cells["records/vqav2"].status == "done"
    assert [table.after for table in report.tables] == ["multimodal", "transfer"] and not report.failed


def test_what_came_of_it_is_loaded_and_saved_with_the_card_of_its_start(run: Run, tmp_path: Path) -> None:
    pali = pk.load(run.store.root.parent / "run", device="cpu")
    assert pali.checkpoints.names == (STAGE_1, "vqav2")
    pali.save_pretrained(tmp_path / "mine")
    again = pk.load(tmp_path / "mine", device="cpu")
    assert torch.equal(answer(again.checkpoints, "vqav2"), answer(pali.checkpoints, "vqav2"))
    card = (tmp_path / "mine" / "README.md").read_text()
    assert "## Started from\n\n### A card\n" in card and "records train.jsonl" in card


def test_a_run_needs_its_store_alone(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """From any folder, and where its start is gone."""
    monkeypatch.chdir(tmp_path)
    start = run.store.root.parent / "pali"
    start.rename(tmp_path / "gone")
    try:
        pali = pk.load(run.store.root.parent / "run", device="cpu")
        image = torch.zeros(3, 8, 8)
        assert all(isinstance(pali.ask(image, "what is it?", language=each), str) for each in ("en", "de"))
        with pytest.raises(ConfigError, match=r"not trained in the language 'fr', but in de, en\."):
            pali.ask(image, "what is it?", language="fr")
    finally:
        (tmp_path / "gone").rename(start)


def test_a_folder_that_changed_meanwhile_is_told(run: Run) -> None:
    step: Step = run.steps["saved/vision"]
    other = replace(step, config=replace(step.config, weights="0" * 64))  # type: ignore[call-arg]
    with pytest.raises(WeightsError, match="has changed since the run began: run the same command again"):
        make_stage(other, run.store, 1, Execution(), lambda message: None)
