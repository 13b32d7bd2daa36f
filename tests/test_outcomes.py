"""The outcomes in the repository: charts and tables of the docs are those of their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.report import redraw
from pali3kit.report.outcomes import read_outcomes
from pali3kit.report.table import with_interval

DOCS = Path(__file__).parents[1] / "docs"
OUTCOMES = DOCS / "outcomes"


@pytest.mark.parametrize(
    ("outcomes", "chart", "shown"),
    [
        ("data_scaling", "data_scaling", []),
        ("data_scaling", "data_scaling_finding", ["probe", "coco", "textvqa"]),
        ("table5", "table5", []),
    ],
)
def test_charts_are_drawn_again_from_outcomes(outcomes: str, chart: str, shown: list[str], tmp_path: Path) -> None:
    file = tmp_path / f"{chart}.json"
    file.write_bytes((OUTCOMES / f"{outcomes}.json").read_bytes())
    redraw(file, shown)
    drawn = (file.with_suffix("") / "report-transfer.svg").read_text()
    assert drawn == (OUTCOMES / f"{chart}.svg").read_text()


def test_the_page_of_data_scaling_has_the_numbers_of_its_outcomes() -> None:
    page = (DOCS / "data-scaling.md").read_text()
    [table] = read_outcomes(OUTCOMES / "data_scaling.json").tables
    names = ("probe", "knn.top1", "coco", "xm3600.en", "xm3600.avg35", "vqav2", "okvqa", "textvqa",
             "refcoco", "refcoco_plus", "refcocog")  # fmt: skip
    for row in table.rows:
        cells = [row.cells[f"embedded/{name}"] for name in names]
        shown = [cell.ours if row.point["pretrain"] == "classif" else cell.delta for cell in cells]
        if row.point["pretrain"] != "random":
            assert " | ".join(with_interval(each, bool(row.baseline)) for each in shown if each) in page


def test_the_page_of_videos_has_the_numbers_of_its_outcomes() -> None:
    page = (DOCS / "video.md").read_text()
    [table] = read_outcomes(OUTCOMES / "table5.json").tables
    ours = [row for row in table.rows if row.point]
    assert len(ours) == 8
    for row in ours:
        for name in ("embedded/msrvtt", "embedded/msrvtt_qa"):
            cell = row.cells[name]
            assert cell.ours and f" {with_interval(cell.ours, False)} |" in page
            if cell.delta and name == "embedded/msrvtt":
                assert f" {with_interval(cell.delta, True)} |" in page
