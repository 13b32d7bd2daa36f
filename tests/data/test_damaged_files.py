"""A sample of `speed/fuzz_annotations.py`: damaged files of every format are read or refused, in this process."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "speed"))

from _annotations import FORMATS, use
from fuzz_annotations import trial

TRIALS = 8


@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_read_or_refused(name: str, tmp_path: Path) -> None:
    for number in range(TRIALS):
        folder = tmp_path / str(number)
        folder.mkdir()
        assert trial(name, folder, seed=number) in ("read", "refused"), f"{name}, seed {number}"


@pytest.mark.parametrize("name", FORMATS)
def test_whole_files_are_read(name: str, tmp_path: Path) -> None:
    FORMATS[name].write(tmp_path)
    assert use(FORMATS[name].use(tmp_path)) >= 0
