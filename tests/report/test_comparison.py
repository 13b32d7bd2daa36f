"""`compare`: two runs side by side, and what differs in them."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from made_tables import cell, table
from made_tables import report as made_report
from rich.console import Console

from pali3kit.errors import DataError
from pali3kit.report.comparison import compare_runs
from pali3kit.report.outcomes import OUTCOMES, outcomes_of
from pali3kit.report.write import _as_lines


def outcomes(folder, values, config, benchmarks=("coco",)):
    """A run folder with the outcomes of two arms."""
    arms = table({"pretrain": ["classif", "siglip"]}, benchmarks, lambda point, _: cell(values[point["pretrain"]]))
    folder.mkdir()
    report = replace(made_report(arms), config=config, versions={"torch": folder.name})
    (folder / OUTCOMES).write_text(_as_lines(outcomes_of(report)), encoding="utf-8")
    return folder


def told(*places):
    console = Console(file=io.StringIO(), width=160)
    compare_runs(*places, console)
    return console.file.getvalue()


def test_numbers_stand_side_by_side_with_their_difference(tmp_path):
    first = outcomes(tmp_path / "a", {"classif": 41.0, "siglip": 50.0}, {"scale": "smoke"})
    second = outcomes(tmp_path / "b", {"classif": 43.5, "siglip": 47.0}, {"scale": "smoke"})
    lines = {name: line for line in told(first, second).splitlines() for name in ("Classif", "SigLIP") if name in line}
    assert all(text in lines["Classif"] for text in ("41.0 ± 1.0", "43.5 ± 1.0", "+2.5"))
    assert all(text in lines["SigLIP"] for text in ("50.0 ± 1.0", "47.0 ± 1.0", "−3.0"))


def test_settings_and_versions_that_differ_are_listed(tmp_path):
    values = {"classif": 1.0, "siglip": 2.0}
    first = outcomes(tmp_path / "a", values, {"name": "a", "data": {"train": 10, "test": 5}, "grid": {}})
    second = outcomes(tmp_path / "b", values, {"name": "b", "data": {"train": 20, "test": 5}, "grid": {"seeds": [1]}})
    text = told(first, second)
    [train] = [line for line in text.splitlines() if "data.train" in line]
    assert "10" in train and "20" in train and "version.torch" in text and "grid.seeds" in text
    assert "data.test" not in text and " name " not in text


def test_a_run_and_itself_do_not_differ(tmp_path):
    run = outcomes(tmp_path / "a", {"classif": 1.0, "siglip": 2.0}, {"scale": "smoke"})
    text = told(run, run / OUTCOMES)
    assert "no setting differs" in text and "2 numbers in both\n" in text


def test_numbers_of_one_run_alone_are_counted(tmp_path):
    values = {"classif": 1.0, "siglip": 2.0}
    first = outcomes(tmp_path / "a", values, {"scale": "smoke"}, ("coco", "vqav2"))
    second = outcomes(tmp_path / "b", values, {"scale": "smoke"})
    assert "2 numbers in both, 2 in one of them alone" in told(first, second)


def test_a_place_without_outcomes(tmp_path):
    run = outcomes(tmp_path / "a", {"classif": 1.0, "siglip": 2.0}, {"scale": "smoke"})
    with pytest.raises(DataError, match="is neither an outcomes file nor a finished run"):
        compare_runs(run, tmp_path / "none")
