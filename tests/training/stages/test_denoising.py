"""The column `denoising`, and stage 0b on text in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pali3kit.config.load import load
from pali3kit.data.world.source import WorldSource
from pali3kit.plan.graph import build

EXPERIMENT = Path(__file__).parents[3] / "experiments" / "pretrain_ul2.yaml"


@pytest.fixture
def chain_of(chain: Any, tmp_path: Path) -> Any:
    """The chain of `pretrain_ul2.yaml` with overrides."""

    def make(*overrides: str) -> Any:
        own = type(chain)(tmp_path)
        own.steps = build(load(EXPERIMENT, ["scale=smoke", *overrides])).steps
        return own

    return make


def check(metrics: dict[str, Any]) -> None:
    assert set(metrics["extra"]) == {"R", "S", "X"} and len(metrics["samples"]) == metrics["n"]
    assert metrics["value"] == pytest.approx(sum(metrics["extra"].values()) / 3)
    assert 4 < metrics["value"] < 9  # the logarithm of the vocabulary is 7.7


def test_the_worlds_text(chain_of: Any) -> None:
    chain = chain_of("tokenizer.sentences=1500", "tokenizer.vocabulary=1200", "stages.language.examples=32")
    assert [step.kind for step in chain.steps] == ["tokenizer", "corpus", "language", "denoising"]
    metrics = json.loads((chain("denoising") / "metrics.json").read_text())
    check(metrics)
    assert metrics["n"] == 16
    assert chain.calibrate("denoising").seconds > 0


def test_text_in_files(chain_of: Any, tmp_path: Path) -> None:
    texts = list(WorldSource().sentences(5, 16, 2500))
    (tmp_path / "a.txt").write_text("\n".join(texts[:1500]))
    rows = [json.dumps({"body": text}) for text in texts]
    rows[7] = "{"
    (tmp_path / "b.jsonl").write_text("\n".join(rows))
    small = ("tokenizer.vocabulary=900", "stages.language.examples=32")
    for source in (f"{{name: text, path: {tmp_path}}}", f"{{name: jsonl, path: {tmp_path}/b.jsonl, field: body}}"):
        chain = chain_of(f"data.source={source}", *small)
        check(json.loads((chain("denoising") / "metrics.json").read_text()))
    assert (chain("tokenizer") / "skipped.txt").read_text().startswith(f"{tmp_path}/b.jsonl:8: no JSON")
