"""No output of a run on the embedded world takes the name of a public data set."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from rich.console import Console

from pali3kit.config import schema
from pali3kit.config.component import Component
from pali3kit.report import table, write_report

GENERATED = [
    "coco", "xm3600", "vqav2", "okvqa", "textvqa", "refcoco", "refcoco_plus", "refcocog",
]  # fmt: skip
PUBLIC = re.compile(r"COCO|VQAv2|OKVQA|TextVQA|XM3600|Crossmodal|ImageNet|\bReaL\b")


@pytest.fixture
def embedded(made_up):
    """A made-up run of all that is measured on the embedded world, with a paper's table or without."""
    world = schema.Data(source=Component(name="world"), train=640, test=40)
    return lambda **changes: made_up(("probe", *GENERATED), data=world, **changes)


def written(run, folder: Path) -> dict[str, str]:
    files = write_report(run.report(), folder, run.experiment, run.timings())
    return {file.name: file.read_text() for file in files if file.name != "experiment.yaml"}


def test_no_format_names_a_public_set(embedded, tmp_path):
    run = embedded(paper="")
    told = written(run, tmp_path / "out")
    assert {"report.json", "report.csv", "report.md", "report.tex", "report.html"} <= told.keys()
    console = Console(file=io.StringIO(), width=200)
    table.print_table(run.report(), console)
    for name, text in {**told, "terminal": console.file.getvalue()}.items():
        assert not PUBLIC.findall(re.sub(r'data:image/png;base64,[^"]+', "", text)), name
        joined = text.replace(" \\\\ ", "")  # LaTeX stacks the parts of a title
        assert "embedded/coco" in joined.replace("\\_", "_"), name


def test_what_is_read_by_programs_says_embedded(embedded, tmp_path):
    told = written(embedded(paper=""), tmp_path / "out")
    rows = list(csv.DictReader(io.StringIO(told["report.csv"])))
    assert rows and all(row["column"].startswith("embedded/") for row in rows)


def test_the_paper_keeps_its_names_in_its_own_section(embedded, tmp_path):
    told = written(embedded(), tmp_path / "out")
    before, paper = told["report.html"].split("The paper's numbers", 1)
    assert not re.search(r"<th[^>]*>[^<]*(COCO|VQAv2)", before) and "<th>COCO</th>" in paper


def test_a_plan_says_embedded_too(embedded):
    run = embedded(paper="")
    labels = {step.label.split()[0] for step in run.graph.steps if step.kind == "evaluate"}
    assert labels == {f"evaluate/embedded/{name}" for name in GENERATED}
