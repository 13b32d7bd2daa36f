"""The leaderboard of encoders: worth, places, fronts and correlations by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from made_boards import ENCODERS, board, made
from made_tables import FAILED, cell, report

from pali3kit.report.html import page
from pali3kit.report.leaderboard import BOARD_NOTE, Leaderboard, pareto_front
from pali3kit.report.markdown import to_markdown
from pali3kit.report.outcomes import read_outcomes
from pali3kit.report.write import write_report


def test_worth_is_the_mean_share_of_the_best():
    """Captions of 80, 60, 40, 60, 20 and questions of 50, 40, 40, 40, 25: shares of 80 and of 50."""
    entries = board().entries
    assert [(entry.place, entry.row.label) for entry in entries] == [
        (1, "large"), (2, "small"), (2, "equal to small"), (4, "wasteful"), (5, "untrained"),
    ]  # fmt: skip
    assert [entry.worth for entry in entries] == pytest.approx([100, 77.5, 77.5, 65, 37.5])


@pytest.mark.parametrize(
    ("points", "front"),
    [
        ([(1, 1), (2, 2), (3, 3)], {0, 1, 2}),
        ([(1, 3), (2, 2), (3, 1)], {0}),
        ([(1, 2), (1, 2), (1, 1)], {0, 1}),  # equals are both on it
        ([(1, 2), (2, 2), (0, 1)], {0, 2}),  # as good and more costly
        ([(2, 5), (1, 3), (3, 4), (4, 6), (1, 2)], {0, 1, 3}),
        ([], set()),
    ],
)
def test_pareto_fronts(points, front):
    assert pareto_front(points) == front


def test_every_cost_has_a_front():
    """Tokens are the same for all, and so no cost that tells rows apart."""
    found = board()
    assert [cost.name for cost in found.costs] == ["parameters", "FLOPs", "throughput"]
    assert {entry.row.label: entry.fronts for entry in found.entries} == {
        "large": ("parameters", "FLOPs", "throughput"),
        "small": ("parameters", "FLOPs", "throughput"),
        "equal to small": ("parameters",),  # twice the FLOPs of small
        "wasteful": (),
        "untrained": ("throughput",),  # the fastest; of its FLOPs small is better
    }


def test_measures_foretell_the_worth_by_their_ranks():
    """Probe 40 30 50 20 10 and worth 100 77.5 65 77.5 37.5: ranks 4 3 5 2 1 and 5 3.5 2 3.5 1, rho 3.5 / sqrt(95)."""
    [(title, found)] = board().measures
    assert title == "Probe (8 embedded tasks)" and found.n == 5
    assert found.rho == pytest.approx(3.5 / (10 * 9.5) ** 0.5)
    assert -1 <= found.low <= found.rho <= found.high <= 1 and found.high - found.low > 0.5
    assert board().measures == board().measures, "the interval has a seed"
    assert board().foretelling_note.endswith("such an interval says little.")


def test_rows_that_share_an_encoder_count_once():
    found = made()
    twice = (*found.rows, replace(found.rows[0], label="large again"))
    again = Leaderboard.of(replace(found, rows=twice))
    assert again and [one.n for _, one in again.measures] == [5] and len(again.entries) == 6


def test_a_row_without_all_scores_has_no_place():
    found = board(cells={("small", "vqav2"): FAILED})
    last = found.entries[-1]
    assert (last.row.label, last.place, last.worth, last.fronts) == ("small", None, None, ())
    assert found.grid()[-1][:5] == ["– small", "–", "–", "60.0 ± 1.0", "–"]
    assert [entry.place for entry in found.entries[:-1]] == [1, 2, 3, 4]
    assert found.measures[0][1].n == 4


@pytest.mark.parametrize("score", [0.0, 0.9])
def test_a_column_in_which_nobody_scores_a_point_is_left_out(score):
    found = board(cells={(name, "vqav2"): cell(score) for name in ENCODERS})
    assert [column.source for column in found.columns] == ["coco"]
    assert found.entries[0].worth == 100


@pytest.mark.parametrize(
    "options",
    [
        {"names": ("large", "small")},
        {"benchmarks": ("probe", "throughput")},
        {"names": ("large", "small", "untrained"), "benchmarks": ("coco",), "cells": {
            (name, "coco"): FAILED for name in ENCODERS}},
    ],
    ids=["two encoders", "nothing of PaLI", "all failed"],
)  # fmt: skip
def test_there_may_be_no_leaderboard(options):
    assert Leaderboard.of(made(**options)) is None


def test_encoders_of_one_cost_need_none():
    found = made(benchmarks=("coco", "probe"))
    rows = tuple(replace(row, encoder_sizes=found.rows[0].encoder_sizes) for row in found.rows)
    assert Leaderboard.of(replace(found, rows=rows)) is None


def test_the_lines_of_the_page():
    header, first, *_ = board().grid()
    assert header == [
        "", "worth, % of the best", "on the front of", "embedded/coco, CIDEr × 100", "embedded/vqav2, VQA accuracy, %",
        "parameters, encoder", "FLOPs, per image", "throughput, images/s",
    ]  # fmt: skip
    assert first == [
        "1. large", "100.0", "parameters, FLOPs, throughput", "80.0 ± 1.0", "50.0 ± 1.0", "4M", "4k", "10",
    ]  # fmt: skip


def test_page_and_markdown_have_it():
    made_up = report(made())
    made_up.config.update(evaluate=[], seeds=[0])
    html, markdown = (
        page(made_up, {"seconds": 0.0, "stages": []}, {}),
        to_markdown(made_up, ["leaderboard-transfer.svg"]),
    )
    assert "After transfer, leaderboard of encoders" in html and BOARD_NOTE.replace("'", "&#39;") in html
    assert '<th scope="row">2. equal to small</th><td>77.5</td>' in html
    assert "| 2. small | 77.5 | parameters, FLOPs, throughput | 60.0 ± 1.0 | 40.0 ± 1.0 | 1M | 1k | 50 |" in markdown
    assert "![After transfer, leaderboard of encoders](leaderboard-transfer.svg)" in markdown


def test_files_and_what_outcomes_draw_again(tmp_path, made_up):
    run = made_up(["coco"])
    first = replace(run.report(), tables=(made(),))
    write_report(first, tmp_path, run.experiment, run.timings())
    names = ("leaderboard-transfer.svg", "leaderboard-transfer.json")
    drawn = {name: (tmp_path / name).read_bytes() for name in names}
    found = json.loads(drawn["leaderboard-transfer.json"])
    assert [(row["place"], row["label"]) for row in found["rows"]][:2] == [(1, "large"), (2, "small")]
    assert found["rows"][0]["costs"] == {"FLOPs": 4000.0, "parameters": 4e6, "throughput": 10.0, "tokens": 16.0}
    again = read_outcomes(tmp_path / "outcomes.json")
    assert Leaderboard.of(again.tables[0]) == board()
    write_report(run.report(), tmp_path, run.experiment, run.timings())
    assert not any((tmp_path / name).exists() for name in names), "an earlier report's is removed"
