"""Screen2Words: from its files to CIDEr."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.errors import DataError
from pali3kit.metrics import cider

ROWS = """screenId,summary
54137,sign up page of an app
7,a map
54137,"page to enter name, mail and password"
9,a list of songs
9,songs of an album
8,
"""


@pytest.fixture
def screens(put: Any) -> Any:
    put("screen2words/screen_summaries.csv", ROWS)
    put("screen2words/split/train_screens.txt", "7\n")
    put("screen2words/split/dev_screens.txt", "")
    put("screen2words/split/test_screens.txt", "9\n54137\n8\n")
    for number in (7, 8, 9, 54137):
        put(f"rico/combined/{number}.jpg", number % 100)
    return put


def test_from_files_to_score(screens: Any, measured: Any) -> None:
    found = measured("screen2words")
    references = [
        ("sign up page of an app", "page to enter name, mail and password"), ("a list of songs", "songs of an album"),
    ]  # fmt: skip
    assert [example.references for example in found.examples] == references
    assert [int(image[0, 0, 0]) for image in found.images] == [37, 9]
    said = ["sign up page", "a list of songs"]
    assert found.score(*said).value == pytest.approx(100 * cider(said, references)[0]) != 0
    assert found.trained(1)[0].references == ("a map",) and found.source.size("train") == 1
    assert any("screen_summaries.csv:7: a blank caption is left out" in line for line in found.source.damages)


def test_a_row_with_too_many_cells_is_refused_and_rare_ones_left_out(screens: Any, measured: Any) -> None:
    screens("screen2words/screen_summaries.csv", ROWS + "9,page to enter name, mail\n")
    with pytest.raises(DataError, match=r"screen_summaries.csv:8: 3 columns, where the first line has 2"):
        measured("screen2words")
    screens("screen2words/screen_summaries.csv", ROWS + "9,page to enter name, mail\n" + "7,a map\n" * 40)
    found = measured("screen2words")
    assert len(found.examples) == 2 and any(":8: 3 columns" in line for line in found.source.damages)


def test_a_screen_of_the_list_that_no_row_has_is_told(screens: Any, measured: Any) -> None:
    screens("screen2words/split/test_screens.txt", "9\n54137\n\n99999\n")
    told = "test_screens.txt: 99999: a screen of the split without captions is left out"
    assert any(told in line for line in measured("screen2words").source.damages)


def test_another_file_is_refused(screens: Any, measured: Any) -> None:
    screens("screen2words/screen_summaries.csv", "screen_id,text\n7,a\n")
    with pytest.raises(DataError, match=r"no columns 'screenId' and 'summary', or 'captions', among: screen_id, text"):
        measured("screen2words")


def test_screens_without_a_summary_are_refused(screens: Any, measured: Any) -> None:
    screens("screen2words/split/test_screens.txt", "54137.jpg\n")
    with pytest.raises(DataError, match="no captions of the screens in "):
        measured("screen2words")


def test_a_transfer_may_train_on_dev_too(screens: Any, measured: Any) -> None:
    screens("screen2words/split/dev_screens.txt", "54137\n")
    found = measured("screen2words", train="sets/screen2words/split/[td][re][av]*_screens.txt")
    assert found.source.size("train") == 2
