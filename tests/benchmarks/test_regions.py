"""Expressions that mean one thing of an image, and the mask tokenizer that writes their masks."""

from __future__ import annotations

from pali3kit.benchmarks.regions import MASK_TOKENIZER, REFCOCO, REFCOCO_PLUS, REFCOCOG
from pali3kit.catalogue import BENCHMARK, STAGE
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


def test_the_mask_tokenizer_is_measured_alone() -> None:
    assert [each for each in BENCHMARK.all() if each.scored == "masks"] == [MASK_TOKENIZER]
    assert not (MASK_TOKENIZER.generated or MASK_TOKENIZER.regions or MASK_TOKENIZER.uses_encoder)
    assert MASK_TOKENIZER.unit == REFCOCO.unit and not STAGE.find(MASK_TOKENIZER.kind).seeded
