"""The script for a GPU runs, tiny and on a CPU, to the end of its table."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "speed" / "gpu.py"
PARTS = ("parity", "attention", "step", "answers", "copies")


@pytest.mark.slow
def test_the_script_for_a_gpu_measures_all_of_its_parts() -> None:
    command = [sys.executable, str(SCRIPT), "--device", "cpu", "--tiny", "--minutes", "30"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    rows = [line.split("|")[1:-1] for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    found = [(part.strip(), result.strip()) for part, _, result, *_ in rows]
    assert {part for part, _ in found if "---" not in part} == {*PARTS}
    wrong = [row for row in found if "Error" in row[1] or row[1] == "the time is over"]
    assert not wrong
