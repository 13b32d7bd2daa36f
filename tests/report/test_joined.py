"""Parts of an experiment from machines that share no store become one report."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_tables import cell, table
from made_tables import report as made_report

from pali3kit.errors import DataError
from pali3kit.report import redraw
from pali3kit.report.joined import join_reports
from pali3kit.report.model import Slice, SliceTable
from pali3kit.report.outcomes import OUTCOMES, outcomes_of, read_outcomes
from pali3kit.report.write import _as_lines


def part(arms, points, *values, benchmarks=("coco",), **config):
    """A report of arms at points of an axis, with a value for each seed."""
    grid = {"pretrain": arms, "stages.vision.examples": points}
    report = made_report(table(grid, benchmarks, lambda point, _: cell(*values)))
    return replace(report, seeds=tuple(range(len(values))), config={**report.config, "name": str(values), **config})


def test_rows_of_all_parts_are_in_it_each_once():
    joined = join_reports([part(["classif"], [10, 20], 1.0), part(["siglip"], [10, 20], 2.0)])
    [found] = joined.tables
    assert [row.cells["embedded/coco"].ours.mean for row in found.rows] == [1.0, 1.0, 2.0, 2.0]


def test_of_a_row_that_several_have_the_one_with_the_most_seeds_counts():
    few, many = part(["classif"], [10, 20], 1.0), part(["classif"], [20], 4.0, 5.0, 6.0)
    for reports in ([few, many], [many, few]):
        joined = join_reports(reports)
        cells = {row.label: row.cells["embedded/coco"] for row in joined.tables[0].rows}
        assert {label: len(found.per_seed) for label, found in cells.items()} == {
            "Classif, examples 10": 1, "Classif, examples 20": 3
        }  # fmt: skip
        assert joined.seeds == (0, 1, 2)


def test_parts_that_measure_something_else_are_refused():
    with pytest.raises(DataError, match=r"cannot be joined: evaluation.limit: 5, 6\."):
        join_reports([part(["classif"], [10], 1.0, evaluation={"limit": limit}) for limit in (5, 6)])
    with pytest.raises(DataError, match="columns after transfer: embedded/coco, embedded/vqav2"):
        join_reports([part(["classif"], [10], 1.0, benchmarks=[name]) for name in ("coco", "vqav2")])


def sliced(report, n):
    """A report with the slices of each of its rows, of `n` examples."""
    [table] = report.tables
    told = [SliceTable("embedded/coco", "COCO", row.label, "age", (Slice("old", n),), 1, 2) for row in table.rows]
    return replace(report, slices=tuple(told))


def test_slices_are_those_of_the_rows_that_are_taken():
    few = sliced(part(["classif", "siglip"], [10], 1.0), 5)
    many = sliced(part(["siglip", "pretrained"], [10], 4.0, 5.0), 7)
    for reports in ([few, many], [many, few]):
        joined = join_reports(reports)
        assert {row.label for row in joined.tables[0].rows} == {each.label for each in joined.slices}
        assert {each.label.partition(",")[0]: each.slices[0].n for each in joined.slices} == {
            "Classif": 5, "SigLIP": 7, "Pretrained": 7
        }  # fmt: skip


def test_files_are_joined_and_the_outcomes_of_all_are_written(tmp_path):
    files = []
    for name, report in (("a", part(["classif"], [10, 20], 1.0)), ("b", part(["siglip"], [10, 20], 2.0))):
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(_as_lines(outcomes_of(report)))
    joined = redraw(files[0], (), files[1:])
    again = read_outcomes(tmp_path / "a" / OUTCOMES)
    assert [row.label for row in again.tables[0].rows] == [row.label for row in joined.tables[0].rows]
    assert "SigLIP" in (tmp_path / "a" / "report-transfer.svg").read_text()
