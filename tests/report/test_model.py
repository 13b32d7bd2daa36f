"""A report knows whether the run failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pali3kit.report.columns import columns_of
from pali3kit.report.model import Report, ResultCell, ResultTable, Row, Status


@pytest.mark.parametrize(
    ("status", "reason", "failed"),
    [
        ("done", "", False),
        ("done", "no difference: no common seed", False),
        ("missing", "", False),
        ("partial", "", False),  # a seed that nobody has run
        ("partial", "seed 1: no memory", True),
        ("failed", "seed 0: no memory", True),
    ],
)
def test_one_failed_cell_fails_the_run(report: Report, status: Status, reason: str, failed: bool) -> None:
    cell = ResultCell(status, reasons=(reason,) if reason else ())
    row = Row("Classif", {"pretrain": "classif"}, "", {"probe": ResultCell("done"), "coco": cell})
    assert replace(report, tables=(ResultTable("transfer", (), (row,)),)).failed is failed


@pytest.mark.parametrize(
    ("after", "sources", "title"),
    [
        ("multimodal", ["vqav2"], "After stage 1"),
        ("resolution", ["probe", "vqav2"], "After stage 2"),
        ("transfer", ["vqav2", "probe"], "After transfer"),
        ("transfer", ["probe", "denoising"], "After pretraining"),
        ("transfer", [], "After transfer"),
    ],
)
def test_tables_are_titled_by_what_was_trained_before(after: str, sources: list[str], title: str) -> None:
    columns = tuple(column for source in sources for column in columns_of(source))
    assert ResultTable(after, columns, ()).title == title
