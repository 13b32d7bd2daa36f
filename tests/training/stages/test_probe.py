"""The probe stage."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pali3kit.data.world import probes
from pali3kit.training.stages.probe import _weighted_samples


def test_all_eight_tasks_are_measured(chain: Any) -> None:
    metrics = json.loads((chain("probe") / "metrics.json").read_text())
    assert list(metrics["extra"]) == list(probes.TASKS) and len(metrics["extra"]) == 8
    assert metrics["value"] == sum(metrics["extra"].values()) / 8
    assert 0 < metrics["value"] < 100 and metrics["n"] == len(metrics["samples"]) > 1000
    assert sum(metrics["samples"]) / metrics["n"] == pytest.approx(metrics["value"])


def test_every_task_has_the_same_weight() -> None:
    small, large = np.array([50.0]), np.array([100.0, 100.0, 50.0])
    samples = _weighted_samples([small, large])
    assert samples == pytest.approx([50 * 4 / 2, 100 * 4 / 6, 100 * 4 / 6, 50 * 4 / 6])
    assert sum(samples) / 4 == pytest.approx((50 + 250 / 3) / 2)
