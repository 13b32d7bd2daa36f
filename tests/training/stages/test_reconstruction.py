"""The column `mask_tokenizer`: held-out masks, written as mask tokens and read back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pali3kit.data.task import held_out
from pali3kit.errors import DataError
from pali3kit.evals.regions import _codec_limits
from pali3kit.plan.kinds.reconstruction import Config
from pali3kit.plan.step import Step
from pali3kit.training.components import Artifact, build_source
from tests.training.stages.conftest import altered


@pytest.fixture
def step(chain: Any) -> Step:
    """Measures the chain's mask tokenizer on 8 masks."""
    tokenizer = chain.step("mask_tokenizer")
    config = Config(source=tokenizer.config.source, data=tokenizer.config.data, image_size=64, test=12, limit=8)
    return Step("reconstruction", "reconstruction", config, 0, {"mask_tokenizer": tokenizer})


def test_it_is_the_limit_that_evaluations_of_regions_report(chain: Any, step: Step) -> None:
    metrics = json.loads((chain.make(step) / "metrics.json").read_text())
    source = build_source(chain.step("mask_tokenizer").config.source, 64)
    examples = held_out(source.task("refer", bins=32), "test", 12, 8, seed=0)
    tokenizer = Artifact(chain("mask_tokenizer")).mask_tokenizer()
    assert metrics["value"] == _codec_limits(examples, tokenizer, 32)["reconstruction"]
    assert metrics["n"] == len(metrics["samples"]) == len(examples) == 8
    assert 20 < metrics["value"] < 95 and metrics["value"] == pytest.approx(sum(metrics["samples"]) / 8)


def test_calibration(chain: Any, step: Step) -> None:
    assert chain.cost(step).seconds > 0


def test_no_masks_is_an_error(chain: Any, step: Step) -> None:
    with pytest.raises(DataError, match=r"^the first 0 test images have no mask to measure a mask tokenizer on$"):
        chain.make(altered(step, test=0))
