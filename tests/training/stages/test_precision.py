"""Every kind of stage that runs a large model, in fp32 and bf16, whichever is faster on this machine."""

from __future__ import annotations

import csv
import json
from math import isfinite
from pathlib import Path

import numpy as np
import pytest

from pali3kit.plan.kinds.denoising import Config
from pali3kit.plan.step import Step
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.feature_files import features_in
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


def computed(chain: Chain, step: Step, folder: Path, precision: str) -> Path:
    """The folder of a stage that does not train."""
    (folder / precision).mkdir()
    parents = {role: chain.make(parent) for role, parent in step.parents.items()}
    execution = Execution(precision=precision)
    run(step, StageContext(folder / precision, parents, 0, lambda done, total, **numbers: None, 1, execution))
    return folder / precision


def test_features_in_bf16(chain: Chain, tmp_path: Path) -> None:
    step = chain.step("features", split="test")
    fine, coarse = (np.load(computed(chain, step, tmp_path, name) / "test.npy") for name in ("fp32", "bf16"))
    assert fine.dtype == coarse.dtype == np.float16
    assert 0 < np.abs(fine - coarse).max() < 0.05 * np.abs(fine).max()


def test_embedded_images_in_bf16(encoders: Chain, tmp_path: Path) -> None:
    step = encoders.step("embed", splits=["test", "v2"])
    fine, coarse = (features_in(computed(encoders, step, tmp_path, name), "v2").features for name in ("fp32", "bf16"))
    assert fine.dtype == coarse.dtype == np.float32
    assert 0 < np.abs(fine - coarse).max() < 0.05 * np.abs(fine).max()


def test_answers_in_bf16(chain: Chain, tmp_path: Path) -> None:
    step = chain.step("evaluate", benchmark="vqav2", after="transfer")
    fine, coarse = (computed(chain, step, tmp_path, name) for name in ("fp32", "bf16"))
    texts = [
        [json.loads(line)["prediction"] for line in (folder / "predictions.jsonl").read_text().splitlines()]
        for folder in (fine, coarse)
    ]
    assert texts[0] != texts[1] and sum(map(str.__eq__, *texts)) >= 4  # of 8; a barely trained model hesitates


def test_the_loss_on_held_out_text_in_bf16(chain: Chain, tmp_path: Path) -> None:
    language = chain.step("language")
    config = Config(source=chain.step("corpus").config.source, bins=16, length=48, prefix="appendix", limit=8)  # type: ignore[attr-defined]
    step = Step("denoising", "denoising", config, 0, {"language": language, "tokenizer": chain.step("tokenizer")})
    fine, coarse = (
        json.loads((computed(chain, step, tmp_path, name) / "metrics.json").read_text())["value"]
        for name in ("fp32", "bf16")
    )
    assert fine != coarse and coarse == pytest.approx(fine, rel=0.01)
