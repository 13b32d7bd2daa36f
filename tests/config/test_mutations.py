"""Damaged experiments are refused with a message or accepted, at once, in little memory and without torch."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from mutations import mutations

SCRIPT = Path(__file__).parents[2] / "speed" / "fuzz_configs.py"
HARDEST = "bomb|5000|braces|brackets|cell|chain|long|million|axes|primes|text|utf|deep"


@pytest.mark.parametrize(
    "words",
    [
        ("--number", "150", "--seed", "15", "--crafted", HARDEST),
        pytest.param(("--number", "0", "--crafted", "", "--plan", "20"), marks=pytest.mark.slow),
    ],
)
def test_none_is_a_traceback_slow_or_large(words: tuple[str, ...]) -> None:
    done = subprocess.run([sys.executable, str(SCRIPT), *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}"
    assert "'accepted': " in done.stdout and "'refused': " in done.stdout


def test_a_case_is_the_same_every_time() -> None:
    assert list(mutations(20, seed=3)) == list(mutations(20, seed=3))
