"""The probe stage."""

from __future__ import annotations

import json
from typing import Any

from pali3kit.data.world import probes


def test_all_eight_tasks_are_measured(chain: Any) -> None:
    metrics = json.loads((chain("probe") / "metrics.json").read_text())
    assert list(metrics["extra"]) == list(probes.TASKS) and len(metrics["extra"]) == 8
    assert metrics["value"] == sum(metrics["extra"].values()) / 8
    assert 0 < metrics["value"] < 100 and metrics["n"] > 1000


def test_calibration(chain: Any) -> None:
    assert chain.calibrate("probe").fixed > 2
