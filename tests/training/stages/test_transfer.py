"""Transfers: start from stage 1."""

from __future__ import annotations

import csv
from typing import Any

from pali3kit.training.components import Artifact


def test_it_continues_from_stage_one(chain: Any) -> None:
    folder = chain("transfer", task="refer")
    step = chain.step("transfer", task="refer")
    stage1 = chain.make(step.parents["model"])
    assert Artifact(folder).config == Artifact(stage1).config
    tokenizer = Artifact(chain("tokenizer")).tokenizer()
    before, after = (Artifact(f).pali(tokenizer).projector.linear.weight for f in (stage1, folder))
    assert 0 < (after - before).norm() < before.norm()


def test_it_sees_as_many_examples_as_it_was_given(chain: Any) -> None:
    with (chain("transfer", task="vqa_text") / "curve.csv").open() as file:
        steps = [int(row["step"]) for row in csv.DictReader(file)]
    training = chain.step("transfer", task="vqa_text").plain["training"]
    assert steps[-1] == training["examples"] // training["batch_size"]


def test_calibration(chain: Any) -> None:
    assert chain.calibrate("transfer").seconds > 0
