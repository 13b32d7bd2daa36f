"""Evaluation: every benchmark is scored, every prediction kept."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pali3kit.data.world import LANGUAGES
from pali3kit.metrics.vqa import answer_score
from tests.training.stages.conftest import altered

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
