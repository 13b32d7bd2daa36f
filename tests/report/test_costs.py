"""Costs that cannot be compared: of other machines, or of other images than the scores."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import pytest
from made_boards import made
from made_tables import report

from pali3kit.execution.host import processor
from pali3kit.report.costs import cost_notes
from pali3kit.report.leaderboard import Leaderboard
from pali3kit.report.markdown import to_markdown
from pali3kit.report.model import CostConditions
from pali3kit.report.outcomes import read_outcomes
from pali3kit.report.write import write_report

NAME = "throughput"


def under(conditions, pixels=(64,)):
    """The made-up table with the conditions of each row's throughput, and scores for images of `pixels`."""
    found, rows = made(), []
    for row, own in zip(found.rows, conditions, strict=True):
        cells = {**row.cells, NAME: replace(row.cells[NAME], conditions=own)}
        sizes = tuple(replace(row.encoder_sizes[0], pixels=each) for each in pixels)
        rows.append(replace(row, cells=cells, encoder_sizes=sizes))
    return replace(found, rows=tuple(rows))


def costs(table):
    return [cost.name for cost in Leaderboard.of(table).costs]


def test_of_one_machine_and_the_images_of_the_scores_all_costs_are_compared():
    table = under([CostConditions(64, ("A, fp32",))] * 5)
    assert costs(table) == ["parameters", "FLOPs", "throughput"]
    assert list(cost_notes(report(table))) == ["Throughput: on A, fp32."]


@pytest.mark.parametrize("other", [("B, fp32",), ("A, bf16",), ("A, fp32", "B, fp32")])
def test_a_speed_on_several_machines_is_no_cost_and_a_note_says_so(other):
    table = under([CostConditions(64, ("A, fp32",))] * 4 + [CostConditions(64, other)])
    board = Leaderboard.of(table)
    assert [cost.name for cost in board.costs] == ["parameters", "FLOPs"]
    assert not any(NAME in entry.fronts or NAME in entry.costs for entry in board.entries)
    [note] = cost_notes(report(table))
    assert note.startswith("Throughput is of several machines, and not to be compared: ") and "untrained on " in note
    assert note.endswith("Leaderboards leave it out.")


@pytest.mark.parametrize("pixels", [(128,), (64, 128)])
def test_costs_of_smaller_images_than_the_scores_are_left_out(pixels):
    """Stage 2 has larger images than the stage whose encoder is timed."""
    table = under([CostConditions(64, ("A, fp32",))] * 5, pixels)
    assert costs(table) == ["parameters", "FLOPs"]
    assert list(cost_notes(report(table)))[1] == (
        "Throughput is that of the encoder at the resolution of its pretraining, not at the one of the scores: "
        "leaderboards leave it out."
    )


def test_of_a_run_the_manifests_tell(made_up, tmp_path):
    run = made_up(["throughput", "memory", "coco"], paper="")
    timed = [step for step in run.graph.steps if step.kind in ("throughput", "memory")]
    gpu = {"device": "NVIDIA H200", "precision": "bf16-mixed"}
    for step, made_with in zip(timed, ({}, {}, gpu, gpu), strict=True):
        shutil.copytree(run.store.path(step), run.store.work(step))
        (run.store.work(step) / "metrics.json").write_text(json.dumps({"value": 7.0, "extra": {"threads": 1}}))
        run.store.publish(step, 1.0, 1, made_with)
    write_report(run.report(), tmp_path, run.experiment, run.timings())
    here = f"{processor()}, fp32"
    for found in (run.report(), read_outcomes(tmp_path / "outcomes.json")):
        cells = [row.cells for row in found.tables[0].rows]
        assert [each["memory"].conditions for each in cells] == [CostConditions(64)] * 2
        assert [each[NAME].conditions.machines for each in cells] == [(here,), ("NVIDIA H200, bf16",)]
        assert all(each["doodles/coco"].conditions is None for each in cells)
        assert "not to be compared" in to_markdown(found) and "SigLIP on NVIDIA H200, bf16" in to_markdown(found)
