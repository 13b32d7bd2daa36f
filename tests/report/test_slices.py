"""Slices in reports: hand-computed values, small, empty and unknown slices, planted differences and false alarms."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from pali3kit.config import schema
from pali3kit.config.component import Component
from pali3kit.config.slices import Slices
from pali3kit.registry import SOURCE
from pali3kit.report import write_report
from pali3kit.report.html import page
from pali3kit.report.markdown import to_markdown
from pali3kit.report.outcomes import outcomes_of, read_outcomes
from pali3kit.report.slice_text import slice_grids

GENDERS = ("Female", "Male", "Other")


@pytest.fixture
def sliced(made_up, fake_stages):
    """The report of one benchmark whose examples have these scores and attributes, the same for both arms."""
    SOURCE.add("faces", SOURCE.get("doodles"), attributes={"gender": GENDERS, "age": ()})

    def write(scores, attributes, by=("gender",), least=2, benchmark="vqav2"):
        run = made_up(
            [benchmark],
            evaluation=schema.Evaluation(slices=Slices(by=list(by), least=least)),
            data=schema.Data(source=Component(name="faces"), train=640, test=40),
        )
        rows = [
            {"image": number, "prompt": "q", "prediction": "", "score": score, "language": "en", "attributes": told}
            for number, (score, told) in enumerate(zip(scores, attributes, strict=True))
        ]
        for step in run.graph.steps:
            if step.kind == "evaluate":
                metrics = {"value": float(np.mean(scores)), "n": len(rows), "samples": list(scores)}
                run.rewrite(step, "metrics.json", json.dumps(metrics))
                run.rewrite(step, "predictions.jsonl", "\n".join(json.dumps(row) for row in rows))
        return run

    return write


@pytest.fixture
def tables(sliced):
    """The tables of the first arm."""
    return lambda *arguments, **options: [
        table for table in sliced(*arguments, **options).report().slices if table.label == "Classif"
    ]


def told(*genders):
    return [{"gender": gender} if gender else {} for gender in genders]


def test_values_counts_lowest_median_and_highest_by_hand(tables):
    genders = ["Female"] * 4 + ["Male"] * 2 + ["Other"] * 3
    [table] = tables([100, 100, 100, 0, 100, 0, 0, 0, 100], told(*genders))
    assert (table.column, table.attribute, table.looked_at) == ("faces/vqav2", "gender", 3)
    assert [(each.value, each.n) for each in table.slices] == [("Female", 4), ("Male", 2), ("Other", 3)]
    assert [each.mean for each in table.slices] == pytest.approx([75, 50, 100 / 3])
    assert (table.lowest, table.median, table.highest) == pytest.approx((100 / 3, 50, 75))
    # Wilson's interval of 3/4 at 1 - 0.05/3, z = 2.39398: (0.75 + z2/8 +- z sqrt(0.1875/4 + z2/64)) / (1 + z2/4)
    assert (table.slices[0].low, table.slices[0].high) == pytest.approx((23.93, 96.62), abs=0.01)
    assert table.gap_low < table.highest - table.lowest < table.gap_high and table.chance > 0.3


def test_the_median_of_an_even_number_of_slices_is_between_the_middle_two(tables):
    [table] = tables([100, 100, 100, 0], told("Female", "Female", "Male", "Male"))
    assert (table.lowest, table.median, table.highest) == (50, 75, 100)
    assert [(each.value, each.n, each.mean) for each in table.slices][2] == ("Other", 0, None)


def test_small_empty_and_unknown_slices_are_told_and_left_out(sliced):
    run = sliced([100] * 5 + [0] * 5 + [0] * 2 + [0] * 6,
                 told(*["Female"] * 5, *["Male"] * 5, *["Many"] * 2, *[""] * 6), least=3)  # fmt: skip
    report = run.report()
    table = report.slices[0]
    assert [(each.value, each.n, each.mean) for each in table.slices] == [
        ("Female", 5, 100), ("Male", 5, 0), ("Other", 0, None), ("Many", 2, None), ("", 6, 0),
    ]  # fmt: skip
    assert (table.lowest, table.highest, table.looked_at) == (0, 100, 3)
    notes = "\n".join(report.notes)
    assert "faces/vqav2 by gender, Classif: fewer than 3 examples, not scored: Many (2)." in notes
    assert "faces/vqav2 by gender, Classif: no example: Other." in notes
    assert "faces/vqav2, Classif: the attribute 'gender' of 6 of 18 examples is unknown." in notes
    rows = {row[0]: row[1:3] for row in next(slice_grids(report)).rows}
    assert rows["Many"] == ("2", "too few") and rows["Other"] == ("0", "none") and rows["unknown"][0] == "6"


def test_slices_of_two_attributes_share_the_level(tables):
    both = [{"gender": GENDERS[n % 2], "age": str(n // 2 % 3)} for n in range(60)]
    first, second = tables([100.0 * (n % 7 < 3) for n in range(60)], both, by=("gender", "age"))
    assert (first.looked_at, second.looked_at, first.level, second.level) == (5, 5, 0.025, 0.025)
    assert [each.value for each in second.slices] == ["0", "1", "2"]


def test_a_planted_difference_is_found_at_its_size(tables):
    rng, genders = np.random.default_rng(0), [GENDERS[n % 2] for n in range(2000)]
    chances = [0.8 if gender == "Male" else 0.7 for gender in genders]
    [table] = tables((100.0 * (rng.random(2000) < chances)).tolist(), told(*genders))
    assert table.chance == 0.001 and 0 < table.gap_low < 10 < table.gap_high < 16


def test_scores_without_bounds_have_students_intervals(sliced):
    rng, genders = np.random.default_rng(0), [GENDERS[n % 2] for n in range(100)]
    report = sliced(rng.normal(120, 30, 100).tolist(), told(*genders), benchmark="coco").report()
    one = report.slices[0].slices[0]
    assert one.mean - one.low == pytest.approx(one.high - one.mean)
    assert any("Student's t (Bonferroni)" in note for note in report.notes)


def test_examples_without_the_attribute_are_told(sliced):
    report = sliced([100, 0], [{}, {}]).report()
    [note] = [note for note in report.notes if note.startswith("Slices: no example that was measured has gender. ")]
    assert not report.slices and "remove their folders, evaluate-*, from the store and run" in note


def test_one_attribute_that_is_missing_is_told_beside_the_other(sliced):
    report = sliced([100, 0] * 3, told(*GENDERS[:2] * 3), by=("gender", "age")).report()
    assert report.slices and any("no example that was measured has age." in note for note in report.notes)


def test_a_blank_value_is_unknown(tables):
    [table] = tables([100, 0] * 4, told(*["Female", " "] * 2, *["Male", ""] * 2))
    assert [(each.value, each.n) for each in table.slices] == [("Female", 2), ("Male", 2), ("Other", 0), ("", 4)]


def test_all_formats_show_slices(sliced, tmp_path):
    run = sliced([100] * 5 + [0] * 5, told(*["<b>Female"] * 5, *["=Male"] * 5))
    report = run.report()
    assert report.slices[0].slices[-2].value == "<b>Female"
    write_report(report, tmp_path / "out", run.experiment, run.timings())
    lines = list(csv.DictReader(io.StringIO((tmp_path / "out/report.csv").read_text())))
    [male] = [line for line in lines if line["column"] == "faces/vqav2 / gender==Male" and line["row"] == "Classif"]
    assert (male["mean"], male["n"], male["interval"]) == ("0.0000", "5", "simultaneous over 2 slices")
    html, markdown = page(report, run.timings()), to_markdown(report)
    assert "<h2>Slices</h2>" in html and "&lt;b&gt;Female" in html and "<b>Female" not in html
    assert "### faces/vqav2, by gender (VQA accuracy, %)" in markdown and "highest − lowest" in markdown
    saved = json.loads((tmp_path / "out/report.json").read_text())["slices"][0]
    assert saved["attribute"] == "gender" and len(saved["slices"]) == 5
    (tmp_path / "outcomes.json").write_text(json.dumps(outcomes_of(report)))
    assert read_outcomes(tmp_path / "outcomes.json").slices == report.slices


def test_reports_without_slices_show_none(report, full):
    assert report.slices == () and "Slices" not in to_markdown(report) and "slices" not in outcomes_of(report)
    assert "<h2>Slices</h2>" not in page(report, full.timings())
