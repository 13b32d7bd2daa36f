"""Expressions that mean one thing of an image."""

from __future__ import annotations

from pali3kit.benchmarks.regions import REFCOCO, REFCOCO_PLUS, REFCOCOG
from pali3kit.catalogue import BENCHMARK
from pali3kit.report.paper import PaperTable

ALL = [REFCOCO, REFCOCO_PLUS, REFCOCOG]


def test_they_are_found_by_name() -> None:
    assert [BENCHMARK.find(name) for name in ("refcoco", "refcoco_plus", "refcocog")] == ALL


def test_one_transfer_learns_all_three_kinds_of_expression() -> None:
    assert {each.transfer for each in ALL} == {"refcoco"}


def test_nothing_else_is_answered_with_boxes_and_masks() -> None:
    assert [each for each in BENCHMARK.all() if each.regions] == sorted(ALL, key=lambda each: each.name)


def test_they_are_the_columns_of_table_3() -> None:
    assert list(PaperTable.load("table3").columns) == [name for each in ALL for name in each.column_names]
