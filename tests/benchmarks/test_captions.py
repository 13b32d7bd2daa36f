"""Captions: in English, and in 36 languages."""

from __future__ import annotations

import pytest

from pali3kit.benchmarks.captions import COCO, XM3600
from pali3kit.catalogue import BENCHMARK
from pali3kit.data.world import LANGUAGES
from pali3kit.report.paper import PaperTable


def test_they_are_found_by_name() -> None:
    assert BENCHMARK.find("coco") is COCO and BENCHMARK.find("xm3600") is XM3600


def test_english_and_the_mean_of_the_others_are_columns_of_the_paper() -> None:
    assert XM3600.column_names == ("xm3600.en", "xm3600.avg35")
    assert {*COCO.column_names, *XM3600.column_names} <= PaperTable.load("table1").columns.keys()


def test_a_caption_is_neither_right_nor_wrong() -> None:
    """It is more or less like its references."""
    assert not COCO.right_or_wrong and not XM3600.right_or_wrong


def test_each_learns_from_its_own_transfer() -> None:
    assert (COCO.transfer, XM3600.transfer) == ("coco", "xm3600")


@pytest.mark.parametrize(("limit", "examples"), [(500, 500 + 35 * 27), (8, 8 + 35 * 2)])
def test_how_many_captions_a_limit_allows(limit: int, examples: int) -> None:
    assert XM3600.count(3600, limit, len(LANGUAGES)) == examples
    assert COCO.count(3600, limit, len(LANGUAGES)) == limit
