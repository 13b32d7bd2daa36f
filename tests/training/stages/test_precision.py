"""Every kind of training in fp32 and bf16, whichever is faster on this machine."""

from __future__ import annotations

import csv
from math import isfinite
from pathlib import Path

import pytest

from pali3kit.plan.step import Step
from pali3kit.training.context import Execution, StageContext
from tests.training.stages.conftest import Chain, run


def trained(chain: Chain, step: Step, folder: Path, precision: str) -> list[float]:
    """The losses of a stage."""
    parents = {role: chain.make(parent) for role, parent in step.parents.items()}
    execution = Execution(precision=precision)
    context = StageContext(folder, parents, step.seed, lambda done, total, **numbers: None, 1, execution)
    run(step, context)
    with (folder / "curve.csv").open() as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def both(chain: Chain, step: Step, folder: Path) -> None:
    """Losses in bf16 are near those in fp32."""
    losses = []
    for precision in ("fp32", "bf16"):
        (folder / precision).mkdir()
        losses.append(trained(chain, step, folder / precision, precision))
    assert all(map(isfinite, losses[1])) and losses[1] == pytest.approx(losses[0], rel=0.05)


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("vision", {"pretrain": "classif"}),
        ("vision", {"pretrain": "siglip"}),
        ("mask_tokenizer", {}),
        ("language", {}),
        ("multimodal", {}),
        ("transfer", {"task": "refer"}),
    ],
)
def test_stages_of_the_ablation(chain: Chain, kind: str, wanted: dict[str, str], tmp_path: Path) -> None:
    both(chain, chain.step(kind, **wanted), tmp_path)


@pytest.mark.parametrize("kind", ["lit", "finetune"])
def test_stages_on_an_encoder(encoders: Chain, kind: str, tmp_path: Path) -> None:
    both(encoders, encoders.step(kind), tmp_path)
