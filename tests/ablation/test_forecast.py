from __future__ import annotations

import json
import re

import pytest

from pali3kit.ablation.forecast import as_time


def test_a_plan_calibrates_once_and_trains_nothing(bench):
    first = bench.run("plan")
    assert "23 of 23 stages to run on 2 x 1 threads" in first
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
    assert "0 of 23 stages to run" in output and "about 0 s" in output
    assert "will run" not in output and "its manifest" in output


@pytest.mark.parametrize(("seconds", "text"), [(3.2, "3 s"), (99, "99 s"), (150, "2 min"), (7200, "2.0 h")])
def test_durations(seconds, text):
    assert as_time(seconds) == text
