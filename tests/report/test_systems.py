"""Tables whose rows are systems: ours stands among them, in every format."""

from __future__ import annotations

import csv
import io
import json
import re

import pytest
from rich.console import Console

from pali3kit.report import print_table, write_report
from pali3kit.report.table import lines

ALONE = {"grid": {}, "baseline": {}}


@pytest.fixture
def table4(made_up):
    return made_up(["coco", "vqav2", "okvqa"], paper="table4", **ALONE)


def test_our_row_stands_among_the_systems_that_have_these_columns(table4):
    report = table4.report()
    *systems, ours = lines(report, report.tables[0])
    assert [line.label for line in systems] == [
        "SimVLM", "CoCa (2.1B)", "GIT (0.7B)", "GIT2 (5.1B)", "OFA (0.9B)", "Flamingo (80B)", "BEiT-3 (1.9B)",
        "PaLM-E (562B)", "MoVie", "PaLI (17B)", "PaLI-X (55B)", "PaLI-3 (5B)",
    ]  # fmt: skip
    assert {line.kind for line in systems} == {"paper"} and not any(line.opens for line in systems)
    assert systems[5].cells == ("138.1†", "82.0†", "57.8†") and systems[8].cells == ("–", "69.3†", "–")
    assert systems[-1].cells == ("145.9", "85.0", "60.1†")
    assert (ours.kind, ours.label, ours.opens) == ("ours", "pali3kit, this run", True)
    sets = "COCO Karpathy test, VQAv2 test-dev, OKVQA"
    assert f"The other systems' numbers are those of Table 4 of PaLI-3, on {sets}." in report.notes
    assert "Flamingo (80B): OKVQA with 32 shots." in report.notes
    assert "† recalled, not verified against the paper." in report.notes
    assert not any("Verdicts" in note for note in report.notes), "systems are not differences of arms"


def test_a_system_without_a_number_in_these_columns_is_left_out(made_up):
    report = made_up(["okvqa"], paper="table4", **ALONE).report()
    labels = [line.label for line in lines(report, report.tables[0])]
    assert labels == [
        "Flamingo (80B)", "PaLM-E (562B)", "PaLI (17B)", "PaLI-X (55B)", "PaLI-3 (5B)", "pali3kit, this run",
    ]  # fmt: skip


def test_groups_have_headings_and_arms_of_a_grid_are_rows_of_ours(made_up):
    report = made_up(["textvqa"], paper="table2").report()
    printed = lines(report, report.tables[0])
    assert [(line.kind, line.label, line.opens) for line in printed] == [
        ("heading", "With the words of an external OCR system", False),
        ("paper", "State of the art + OCR", False),
        ("paper", "PaLI-3 + OCR (5B)", False),
        ("heading", "Without external OCR", True),
        ("paper", "State of the art", False),
        ("paper", "PaLI-3 (5B)", False),
        ("heading", "This run", True),
        ("ours", "pali3kit, Classif", False),
        ("ours", "pali3kit, SigLIP", False),
    ]
    siglip = report.tables[0].rows[1].cells["doodles/textvqa"]
    assert printed[-1].cells[0].startswith(f"{siglip.ours.mean:.1f} ± "), "absolute, as the systems above are"


def test_a_table_none_of_whose_columns_is_measured_prints_ours_alone(made_up):
    report = made_up(["textvqa"], paper="table5", **ALONE).report()
    assert [line.label for line in lines(report, report.tables[0])] == ["ours"]
    assert len(report.published.rows) == 4


def test_every_format_has_the_systems(table4, tmp_path):
    report, out = table4.report(), tmp_path / "out"
    write_report(report, out, table4.experiment, table4.timings())
    assert "| PaLI-3 (5B) | 145.9 | 85.0 | 60.1† |" in (out / "report.md").read_text()
    assert (
        "PaLI-3 (5B) & 145.9 & 85.0 & 60.1\\textdagger{} \\\\\n\\midrule\npali3kit, this run &"
        in (out / "report.tex").read_text()
    )
    html = (out / "report.html").read_text()
    assert re.search(r'<th scope="row">PaLI-X \(55B\)</th>\s*<td>149.2</td>\s*<td>86.0</td>\s*<td>66.1</td>', html)
    assert html.count("OKVQA with 32 shots") == 2, "among the notes and in the paper's own table"
    rows = list(csv.DictReader(io.StringIO((out / "report.csv").read_text())))
    published = {(row["row"], row["column"]): row for row in rows if row["status"] == "published"}
    assert len(published) == 11 + 12 + 5 and ("MoVie", "coco") not in published
    assert published["PaLI-3 (5B)", "vqav2"]["paper"] == "85.0000"
    assert published["PaLI-3 (5B)", "vqav2"]["paper_provenance"].startswith("verified: wizwand.com")
    data = json.loads((out / "report.json").read_text())["published"]
    assert data["rows"][-1]["label"] == "PaLI-3 (5B)" and "tallyqa.complex" in data["rows"][-1]["numbers"]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_terminal_shows_them_at_any_width(made_up, width):
    report = made_up(["textvqa"], paper="table2").report()
    stream = io.StringIO()
    print_table(report, Console(file=stream, width=width))
    text = stream.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for value in ("80.8†", "71.4†", "79.5†"):
        assert value in text
