from __future__ import annotations

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from pali3kit.config.load import load
from pali3kit.execution import forecast
from pali3kit.execution.estimates import Forecast
from pali3kit.execution.forecast import as_time
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build

EXPERIMENTS = Path(__file__).parents[2] / "experiments"


def test_a_plan_calibrates_once_and_trains_nothing(bench):
    first = bench.run("plan")
    assert "25 of 25 stages to run on 2 x 1 threads" in first
    assert not bench.artifacts() and not (bench.control / "started").exists()
    calibration = bench.root / "store" / "calibration.json"
    known = json.loads(calibration.read_text())
    assert sorted({cost["seconds"] for cost in known.values()}) == [0.25, 0.5]
    before = calibration.stat().st_mtime_ns
    assert bench.run("plan") == first
    assert calibration.stat().st_mtime_ns == before
    row = next(line for line in first.splitlines() if "transfer/vqa classif" in line)
    assert re.search(r"will run.*200.*50 s.*calibrated", row)


def test_a_finished_run_has_nothing_left_to_forecast(finished):
    output = finished.run("plan")
    assert "0 of 25 stages to run" in output and "about 0 s" in output
    assert "will run" not in output and "its manifest" in output


@pytest.mark.parametrize(("seconds", "text"), [(3.2, "3 s"), (99, "99 s"), (150, "2 min"), (7200, "2.0 h")])
def test_durations(seconds, text):
    assert as_time(seconds) == text


def test_what_kept_tokens_take_is_said_with_what_is_free(bench, monkeypatch):
    monkeypatch.setattr(forecast, "disk_usage", lambda path: SimpleNamespace(free=1 << 31))
    root = bench.root / "store"
    assert forecast._kept(3 << 28, root) == f"tokens of frozen encoders will take 0.75 GiB in {root}"
    assert forecast._kept(3 << 30, root) == (
        f"[yellow]tokens of frozen encoders will take 3 GiB in {root}, where 2 are free: lower data.train, or keep none"
        " with data.cache=false"
    )


def test_every_picture_takes_its_room(bench):
    store, experiment = Store(bench.root / "store"), load(EXPERIMENTS / "ablate_classif.yaml", ["scale=smoke"])
    (step,) = [n for n in build(experiment).steps if n.label == "features/train classif"]
    known = Forecast(store, 1)
    known.calibrated = {known._key(step): {"seconds": 0.1, "disk": 1024}}
    assert known.estimate(step).disk == 64 * 1024
