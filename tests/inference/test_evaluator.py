"""A benchmark that is measured again on a run gives what the run stored."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from pali3kit.config.saved import find_store, read_experiment
from pali3kit.errors import ConfigError
from pali3kit.execution.store import Store
from pali3kit.inference.checkpoints import STAGE_1
from pali3kit.inference.evaluator import Evaluator
from pali3kit.inference.run import RunCheckpoints


@pytest.mark.parametrize("benchmark", ["vqav2", "refcoco"])
def test_files_are_those_of_the_run(
    checkpoints: RunCheckpoints, run_folder: Path, benchmark: str, tmp_path: Path
) -> None:
    experiment, seen = read_experiment(run_folder), list[tuple[int, int]]()
    scores = Evaluator(checkpoints, benchmark, experiment).run(tmp_path, lambda *numbers: seen.append(numbers))
    store = Store.of(experiment.runtime, find_store(experiment, run_folder))
    stored = store.path(checkpoints.run.cell.columns[benchmark])
    for name in ("predictions.jsonl", "metrics.json"):
        assert (tmp_path / name).read_bytes() == (stored / name).read_bytes()
    assert seen[-1] == (scores.n, scores.n)
    conditions = json.loads((tmp_path / "config.json").read_text())
    assert conditions.pop("model") == checkpoints.name and conditions.pop("checkpoint") == benchmark
    assert conditions == checkpoints.run.cell.columns[benchmark].plain


def test_the_checkpoint_is_the_benchmarks_transfer_or_the_general_one(
    checkpoints: RunCheckpoints, run_folder: Path
) -> None:
    experiment = read_experiment(run_folder)
    assert Evaluator(checkpoints, "refcoco_plus", experiment).checkpoint == "refcoco"
    other = replace(experiment, evaluate=["textvqa"])
    assert Evaluator(checkpoints, "textvqa", other).checkpoint == STAGE_1
    assert Evaluator(checkpoints, "textvqa", other, "vqav2", beams=3).config.beams == 3
    with pytest.raises(ConfigError, match=r"has no checkpoint 'vqa'\. Did you mean 'vqav2'\?"):
        Evaluator(checkpoints, "textvqa", other, "vqa")


def test_the_experiment_says_whether_regions_are_constrained(checkpoints: RunCheckpoints, run_folder: Path) -> None:
    experiment = read_experiment(run_folder)
    free = replace(experiment, evaluation=replace(experiment.evaluation, constrained=False))
    assert [Evaluator(checkpoints, "refcoco", each).config.constrained for each in (experiment, free)] == [True, False]
