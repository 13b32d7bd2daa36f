"""Damaged and malicious files are refused or loaded: a sample of `speed/damage_weights.py`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "speed"))

import damage_weights


def test_damaged_weights() -> None:
    counts, faults = damage_weights.count(200)
    assert faults == []
    assert counts["WeightsError"] > 100 and counts["loaded"] > 20
