"""`runs`: a line for each run in a folder."""

from __future__ import annotations

import io
import json
import re
import shutil

import pytest
from rich.console import Console

from pali3kit.errors import DataError
from pali3kit.report import write_report
from pali3kit.report.overview import print_runs


def told(folder):
    console = Console(file=io.StringIO(), width=200)
    count = print_runs(folder, console)
    return count, console.file.getvalue()


@pytest.fixture
def made_run(made_up, tmp_path):
    """The folder of a finished run, beside a folder that is none."""
    made = made_up(root=tmp_path / "made")
    write_report(made.report(), tmp_path / "made", made.experiment, made.timings())
    (tmp_path / "made" / "log.txt").write_text("started\n")
    (tmp_path / "notes").mkdir()
    return tmp_path / "made"


@pytest.fixture
def runs(made_run):
    return made_run.parent


def test_a_run_is_told_with_its_size_time_and_state(runs, made_run):
    count, text = told(runs)
    [line] = [line for line in text.splitlines() if made_run.name in line and "cell" in line]
    seconds = json.loads((made_run / "timings.json").read_text())["seconds"]
    assert count == 1 and "notes" not in text and seconds > 0
    assert re.search(r"\d+ cells?, \d seeds?, \d+ benchmarks", line) and re.search(r"[\d.]+ [kM]B", line)


def test_unfinished_and_damaged_runs_are_told(runs, made_run):
    (runs / "young").mkdir()
    (runs / "young" / "log.txt").write_text("started\n")
    shutil.copytree(made_run, runs / "broken")
    (runs / "broken" / "report.json").write_text("{")
    count, text = told(runs)
    lines = {name: line for line in text.splitlines() for name in ("young", "broken") if name in line}
    assert count == 3
    assert "not finished" in lines["young"] and "cannot be read" in lines["broken"]


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match="there is no folder"):
        print_runs(tmp_path / "runs")
