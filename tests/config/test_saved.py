"""The experiment in a run's folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from launching import EXPERIMENTS

from pali3kit.config.load import load
from pali3kit.config.saved import EXPERIMENT, REPORT, read_experiment, write_experiment


def test_the_report_of_another_experiment_of_this_name_goes(tmp_path: Path) -> None:
    experiment = load(EXPERIMENTS / "pretrain_siglip.yaml", ["scale=smoke"])
    folder = tmp_path / "runs" / "siglip"
    write_experiment(experiment, folder)
    before = (folder / EXPERIMENT).stat().st_mtime_ns
    (folder / REPORT).write_text("{}")
    write_experiment(experiment, folder)
    assert (folder / REPORT).exists() and (folder / EXPERIMENT).stat().st_mtime_ns == before
    write_experiment(replace(experiment, seeds=[7]), folder)
    assert read_experiment(folder).seeds == [7] and not (folder / REPORT).exists()
