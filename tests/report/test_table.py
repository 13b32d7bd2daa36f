"""The headline table as text: numbers, marks, and every format that prints it."""

from __future__ import annotations

import io
import re
from dataclasses import replace

import pytest
from rich.console import Console

from pali3kit.report.markdown import to_markdown
from pali3kit.report.statistics import Interval
from pali3kit.report.table import lines, number, print_table, with_interval


@pytest.mark.parametrize(
    ("value", "signed", "text"),
    [(41.25, False, "41.2"), (3.0, True, "+3.0"), (-0.44, True, "−0.4"), (0.0, True, "0.0"), (-0.04, True, "0.0")],
)
def test_numbers_have_one_decimal_and_a_true_minus(value, signed, text):
    assert number(value, signed) == text


def test_an_interval_is_shown_as_half_its_width_or_not_at_all():
    assert with_interval(Interval(40.0, 38.5, 41.0, 100, 3, "t over seeds")) == "40.0 ± 1.2"
    assert with_interval(Interval(-2.0, -2.0, -2.0, 0, 1, "none"), signed=True) == "−2.0"


def test_lines_follow_table_1(report):
    printed = lines(report, report.tables[0])
    assert [(line.kind, line.label) for line in printed] == [
        ("ours", "Classif"),
        ("ours", "SigLIP Δ"),
        ("ours", "Random Δ"),
        ("paper", "Paper B/16 Classif"),
        ("paper", "Paper B/16 SigLIP Δ"),
        ("verdict", "SigLIP and the paper"),
        ("control", "Classif against random"),
        ("control", "SigLIP against random"),
    ]
    assert " ".join(printed[3].cells) == "83.7† 127.7† 91.7† 40.7† 72.3† 54.7† 22.5† 46.3† 38.1† 38.4†"
    assert " ".join(printed[4].cells) == "−2.6† +3.6† −2.0† −0.2† +1.4† +0.9† +13.3† +16.8† +19.6† +19.3†"
    assert printed[1].cells[5] == "failed"
    assert printed[5].cells[5] == "–"
    assert re.fullmatch(r"\+\d+\.\d ± \d+\.\d", printed[1].cells[6])


def test_a_partial_cell_says_how_many_seeds_it_rests_on(made_up):
    run = made_up(["probe"], seeds=[0, 1], failed=lambda step: step.kind == "vision" and step.seed == 1)
    report = run.report()
    assert lines(report, report.tables[0])[0].cells[0].endswith("(1 seed only)")


def test_the_papers_rows_are_printed_once_for_two_axes(made_up):
    run = made_up(["probe"], grid={"pretrain": ["classif", "siglip"], "model.vision.depth": [1, 2]})
    report = run.report()
    assert [line.label for line in lines(report, report.tables[0]) if line.kind == "paper"] == [
        "Paper B/16 Classif",
        "Paper B/16 SigLIP Δ",
    ]


@pytest.mark.parametrize("width", [80, 120, 250])
def test_the_terminal_shows_every_row_and_column_at_any_width(report, width):
    stream = io.StringIO()
    print_table(report, Console(file=stream, width=width))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for value in ("83.7†", "+13.3†", "failed", "does not", "† recalled, not verified against the paper."):
        assert value in text


def test_markdown_is_a_table_with_one_width(report):
    rows = [line for line in to_markdown(report).splitlines() if line.startswith("|")]
    assert len({line.count("|") - line.count("\\|") for line in rows}) == 1
    assert rows[0].count("refcoco") == 3 and "counterpart" not in rows[0], "these are doodles, not the embedded world"


def test_markdown_takes_no_commands_from_names(made_up, add_benchmark):
    add_benchmark("my_column|<b>")
    report = made_up(["my_column|<b>"]).report()
    assert "my\\_column\\|&lt;b>" in to_markdown(report)


def test_the_terminal_obeys_no_label(report):
    stream = io.StringIO()
    first, *others = report.tables[0].rows
    renamed = replace(report.tables[0], rows=(replace(first, label="[/x] [red]\x1b[2J:smile:"), *others))
    print_table(replace(report, name="[bold]", tables=(renamed,)), Console(file=stream, width=300))
    assert "[bold]" in stream.getvalue() and "[/x] [red]\\u001b[2J:smile:" in stream.getvalue()
    assert "\x1b" not in stream.getvalue()


def test_a_loss_has_three_decimals(made_up):
    grid = {"model.language.width": [16, 32]}
    report = made_up(["denoising"], grid=grid, baseline={"model.language.width": 16}, paper="").report()
    assert report.tables[0].title == "After pretraining"
    ours, other = lines(report, report.tables[0])
    assert re.fullmatch(r"\d+\.\d{3} ± \d+\.\d{3}", ours.cells[0])
    assert re.fullmatch(r"[+−]?\d+\.\d{3} ± \d+\.\d{3}", other.cells[0])
