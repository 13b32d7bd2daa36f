"""Evaluation: every benchmark is scored, every prediction kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data.world import LANGUAGES
from pali3kit.errors import DataError
from pali3kit.metrics.vqa import answer_score
from pali3kit.models.pali import PaLIModel
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.kept_answers import ANSWERS
from pali3kit.training.stages import evaluate
from tests.training.stages.conftest import altered
from tests.training.stages.conftest import run as run_step

BENCHMARKS = ["coco", "xm3600", "vqav2", "okvqa", "textvqa", "refcoco", "refcoco_plus", "refcocog"]


@pytest.mark.parametrize("benchmark", BENCHMARKS)
def test_a_score_and_a_prediction_for_every_example(chain: Any, benchmark: str) -> None:
    folder = chain("evaluate", benchmark=benchmark, after="transfer")
    metrics = json.loads((folder / "metrics.json").read_text())
    rows = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert metrics["n"] == len(rows) == len(metrics["samples"]) > 0
    assert metrics["samples"] == [row["score"] for row in rows]
    assert all(row["references"] and row["prompt"] and 0 <= row["image"] < 12 for row in rows)
    if benchmark == "coco":
        assert 0 <= metrics["extra"]["BLEU-4"] <= 100 and 0 <= metrics["extra"]["ROUGE-L"] <= 100
    if benchmark == "xm3600":
        assert sum(metrics["extra"]["images"].values()) == metrics["n"]
        assert {row["language"] for row in rows} == set(LANGUAGES) == set(metrics["extra"]["languages"])
    if "vqa" in benchmark:
        assert rows[0]["score"] == pytest.approx(100 * answer_score(rows[0]["prediction"], rows[0]["references"]))
    if benchmark.startswith("refcoco"):
        assert all(row["target_box"] and row["target_mask"] for row in rows)
        assert {"cIoU", "boxacc@0.5", "boxacc@0.75", "invalid", "oracle", "reconstruction"} <= set(metrics["extra"])


def test_constrained_regions_can_all_be_read(chain: Any) -> None:
    free = chain.step("evaluate", benchmark="refcoco", after="transfer")
    bound = altered(free, constrained=True, target_length=24)
    metrics = json.loads((chain.make(bound) / "metrics.json").read_text())
    assert metrics["extra"]["invalid"] == 0.0
    assert json.loads((chain.make(free) / "metrics.json").read_text())["extra"]["invalid"] > 0.0


def test_stage_one_can_be_measured_too(chain: Any) -> None:
    assert chain.step("evaluate", benchmark="vqav2", after="multimodal").parents["model"].kind == "multimodal"
    assert (chain("evaluate", benchmark="vqav2", after="multimodal") / "metrics.json").exists()


def test_calibration(chain: Any) -> None:
    assert chain.calibrate("evaluate").seconds > 0


class Killed(BaseException):
    pass


def test_a_killed_evaluation_continues(chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    step = chain.step("evaluate", benchmark="vqav2", after="multimodal")
    calls, generate = list[int](), PaLIModel.generate

    def run(name: str, last: int) -> Path:
        """Evaluate, an example at a time; the process ends after so many batches."""

        def counted(self: PaLIModel, *given: Any) -> Any:
            if len(calls) == last:
                raise Killed
            calls.append(1)
            return generate(self, *given)

        (tmp_path / name).mkdir(exist_ok=True)
        parents = {role: chain.make(parent) for role, parent in step.parents.items()}
        execution = Execution(max_tokens_per_microbatch=1)
        monkeypatch.setattr(PaLIModel, "generate", counted)
        run_step(step, StageContext(tmp_path / name, parents, 0, lambda done, total, **numbers: None, 1, execution))
        return tmp_path / name

    whole = run("whole", 99)
    count = len(calls)
    calls.clear()
    with pytest.raises(Killed):
        run("killed", 3)
    assert (tmp_path / "killed" / ANSWERS).exists()
    again = run("killed", 99)
    assert len(calls) == count == json.loads((whole / "metrics.json").read_text())["n"], "none is answered twice"
    assert {file.name: file.read_bytes() for file in again.iterdir()} == {
        file.name: file.read_bytes() for file in whole.iterdir()
    }


def test_hidden_answers_are_refused_before_anything_is_answered(
    chain: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step, found = chain.step("evaluate", benchmark="vqav2", after="multimodal"), evaluate.benchmark_examples
    parents = {role: chain.make(parent) for role, parent in step.parents.items()}
    hide = lambda *given: [replace(each, hidden=True) for each in found(*given)]  # noqa: E731
    monkeypatch.setattr(evaluate, "benchmark_examples", hide)
    with pytest.raises(DataError, match="8 of 8 test examples of 'vqav2' have no answers to score by"):
        run_step(step, StageContext(tmp_path, parents, 0, lambda done, total, **numbers: None, 1))
    assert not (tmp_path / ANSWERS).exists()
