"""Outcomes: small, and enough to draw a report again; a damaged file is told with the place."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
from made_tables import cell, table
from made_tables import report as made_report

from pali3kit.errors import DataError
from pali3kit.report import redraw
from pali3kit.report.latex import to_latex
from pali3kit.report.markdown import to_markdown
from pali3kit.report.outcomes import OUTCOMES, outcomes_of, read_outcomes
from pali3kit.report.table_csv import to_csv
from pali3kit.report.write import _as_json, _as_lines


def write(report, folder):
    (folder / OUTCOMES).write_text(_as_lines(outcomes_of(report)), encoding="utf-8")
    return folder / OUTCOMES


@pytest.fixture
def file(report, tmp_path):
    """The outcomes of the run of every column, in which one cell failed."""
    return write(report, tmp_path)


@pytest.fixture
def along():
    """A report along an axis."""
    grid = {"pretrain": ["classif", "siglip"], "stages.vision.examples": [10, 20, 400]}
    return made_report(table(grid, ["probe", "coco"], lambda point, _: cell(point["stages.vision.examples"] / 7)))


def test_what_is_read_is_what_was_written(report, file):
    again = read_outcomes(file)
    assert again.tables[0].columns == report.tables[0].columns
    for row, other in zip(report.tables[0].rows, again.tables[0].rows, strict=True):
        assert [getattr(row, name) == getattr(other, name) for name in ("label", "point", "baseline", "encoders")] == [
            True
        ] * 4
        for name, one in row.cells.items():
            same = other.cells[name]
            for field in ("status", "verdict", "control", "reasons", "paper"):
                assert getattr(one, field) == getattr(same, field)
            assert same.per_seed == pytest.approx(one.per_seed, abs=1e-6)
            for ours, theirs in ((one.ours, same.ours), (one.delta, same.delta)):
                assert (ours is None) == (theirs is None)
                assert ours is None or (ours.low, ours.n, ours.method) == (
                    pytest.approx(theirs.low, abs=1e-6), theirs.n, theirs.method
                )  # fmt: skip
    assert (again.notes, again.published, again.versions) == (report.notes, report.published, report.versions)
    assert again.failed and any(stage.reason for stage in again.stages)


def test_tables_are_printed_again_from_it_alone(report, file):
    again = read_outcomes(file)
    assert (to_markdown(again), to_latex(again)) == (to_markdown(report), to_latex(report))
    assert [line.split(",")[:4] for line in to_csv(report).splitlines() if " / " not in line] == [
        line.split(",")[:4] for line in to_csv(again).splitlines()
    ]


def test_the_chart_is_drawn_again_from_it_alone(along, tmp_path):
    (tmp_path / "first").mkdir()
    first = redraw(write(along, tmp_path / "first"))
    (tmp_path / "small.json").write_text(_as_lines(outcomes_of(first)))
    assert redraw(tmp_path / "small.json") == first
    drawn, again = ({path.name: path.read_bytes() for path in folder.iterdir()}
                    for folder in (tmp_path / "first" / "outcomes", tmp_path / "small"))  # fmt: skip
    assert drawn.keys() == {"report.csv", "report.md", "report.tex", "report.html", "report-transfer.svg"}
    assert drawn == again and b"vision examples (log scale)" in drawn["report-transfer.svg"]
    assert b"![After transfer" in drawn["report.md"] and b"<svg" in drawn["report.html"]


def test_it_is_small_and_has_a_line_for_each_row_and_each_stage(report, file):
    text = file.read_text(encoding="utf-8")
    assert len(text) < 0.3 * len(_as_json(asdict(report)))
    kinds = [stage["kind"] for stage in json.loads(text)["stages"]]
    assert text.count("\n") == 1 + len(report.tables[0].rows) + len(kinds)
    assert {"vision", "multimodal", "transfer", "evaluate", "probe"} <= set(kinds)
    assert not {"features", "embed", "corpus"} & set(kinds)


def test_numbers_that_have_their_defaults_are_left_out(report):
    (row, *_) = outcomes_of(report)["tables"][0]["rows"]
    assert set(row) == {"label", "point", "baseline", "cells", "encoders", "encoder_sizes"}
    assert set(row["cells"]["doodles/coco"]) == {"status", "per_seed", "ours", "paper", "control"}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda value: value.pop("tables"), "KeyError: 'tables'"),
        (lambda value: value.update(seeds=["0"]), r"seeds\[0\] is '0'"),
        (lambda value: value["tables"][0]["rows"][0].update(label=3), r"tables\[0\]\.rows\[0\]\.label is 3"),
        (lambda value: value["tables"][0]["rows"][0].update(colour=3), "KeyError: 'colour'"),
        (lambda value: value["tables"][0]["rows"][0].pop("point"), "missing .*'point'"),
        (lambda value: value["tables"][0]["columns"].__setitem__(0, 3), r"columns\[0\] is 3"),
        (lambda value: next(iter(value["tables"][0]["rows"][0]["cells"].values()))["ours"].pop(), "shorter"),
        (
            lambda value: next(iter(value["tables"][0]["rows"][0]["cells"].values())).update(status="fine"),
            "status is 'fine'",
        ),
        (lambda value: value["config"].update(paper="table99"), "no published table 'table99'"),
    ],
)
def test_a_damaged_file_is_told_with_the_place(file, change, told):
    value = json.loads(file.read_text())
    change(value)
    file.write_text(json.dumps(value))
    with pytest.raises(DataError, match=told):
        read_outcomes(file)


@pytest.mark.parametrize("text", ["", "[1]", "[" * 99_999, "{}", "\x00"])
def test_a_file_that_is_no_outcomes_is_told(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError, match=r"x\.json has no outcomes of a run"):
        read_outcomes(tmp_path / "x.json")


def test_some_columns_are_drawn_alone(along, tmp_path):
    file = write(along, tmp_path)
    narrowed = redraw(file, ["coco"])
    assert [[column.key for column in one.columns] for one in narrowed.tables] == [["coco"]]
    chart = (file.with_suffix("") / "report-transfer.svg").read_text()
    assert chart.count('class="name"') == 1
    with pytest.raises(DataError, match="no columns of vqav2"):
        redraw(file, ["vqav2"])
