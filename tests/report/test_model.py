"""A report knows whether the run failed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pali3kit.report.model import Cell, Report, Row, Status, Table


@pytest.mark.parametrize(
    ("status", "failed"), [("done", False), ("missing", False), ("partial", True), ("failed", True)]
)
def test_one_failed_cell_fails_the_run(report: Report, status: Status, failed: bool) -> None:
    row = Row("Classif", {"pretrain": "classif"}, "", {"probe": Cell("done"), "caption": Cell(status)})
    assert replace(report, tables=(Table("transfer", (), (row,)),)).failed is failed
