"""Means of columns, as the paper's Table 2 prints two."""

from __future__ import annotations

import pytest

from pali3kit.evals.scores import EvalResult
from pali3kit.report.columns import columns_of
from pali3kit.report.means import mean_columns, mean_scores
from pali3kit.report.paper import PaperTable
from pali3kit.report.table import lines

FIRST_8 = ["textcaps", "textvqa", "stvqa", "ocrvqa", "infovqa", "docvqa", "ai2d", "chartqa"]
ALL = [*FIRST_8, "screen2words", "widgetcap"]


def columns(names):
    return [column for name in names for column in columns_of(name)]


def test_a_mean_is_a_column_where_all_of_its_columns_are():
    table2 = PaperTable.load("table2")
    found = mean_columns(table2, columns(ALL))
    assert [(column.name, column.title) for column in found] == [
        ("average.first8", "mean of the first 8"),
        ("average.all", "mean of all"),
    ]
    assert [[part.key for part in parts] for parts in found.values()] == [FIRST_8, ALL]
    assert [column.key for column in mean_columns(table2, columns(FIRST_8))] == ["average.first8"]
    assert mean_columns(table2, columns(FIRST_8[1:])) == mean_columns(None, columns(ALL)) == {}


@pytest.mark.parametrize(
    ("system", "first8", "everything"), [("PaLI-3 (5B)", 86.2, 98.0), ("State of the art", 81.8, 93.5)]
)
def test_the_papers_means_are_those_of_its_columns(system, first8, everything):
    table2 = PaperTable.load("table2")
    [row] = [row for row in table2.rows if row.label == system]
    for key, value in (("average.first8", first8), ("average.all", everything)):
        parts = [row.numbers[part].value for part in table2.means[key]]
        assert row.numbers[key].value == value == pytest.approx(sum(parts) / len(parts), abs=0.06)


def test_it_is_the_mean_of_values_of_the_seeds_that_all_have():
    parts = [
        {0: EvalResult(10.0, (1.0, 2.0)), 1: EvalResult(30.0)},
        {0: EvalResult(20.0, (3.0,)), 1: EvalResult(60.0), 2: EvalResult(0)},
    ]
    assert mean_scores(parts) == {0: EvalResult(15.0), 1: EvalResult(45.0)}


def test_our_mean_stands_beside_the_papers(made_up, monkeypatch):
    table = PaperTable.load("table2")
    means = {"average.all": ["textvqa", "vqav2"]}
    object.__setattr__(table, "means", means)
    monkeypatch.setattr(PaperTable, "load", lambda name: table)
    report = made_up(["textvqa", "vqav2"], paper="table2", grid={}, baseline={}).report()
    *_, mean = report.tables[0].columns
    cells = report.tables[0].rows[0].cells
    values = [cells[f"doodles/{name}"].ours.mean for name in ("textvqa", "vqav2")]
    assert cells["average.all"].ours.mean == pytest.approx(sum(values) / 2) and mean.title == "mean of all"
    assert cells["average.all"].ours.method == "none", "the samples of two sets are not paired"
    printed = {line.label: line.cells for line in lines(report, report.tables[0])}
    assert printed["PaLI-3 (5B)"] == ("79.5†", "–", "98.0†")
    assert printed["pali3kit, this run"][2] == f"{sum(values) / 2:.1f}"
    assert "on TextVQA." in " ".join(report.notes), "means are not sets"
