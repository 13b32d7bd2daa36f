"""Ids, sizes and names of images."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.data.readers.coco import by_id, coco_files, read_id, read_image_size
from pali3kit.data.readers.skipped import SkippedEntries
from pali3kit.errors import DataError


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (7, 7),
        (7.0, 7),
        ("7", 7),
        ("007", 7),
        (-1, -1),
        (0, 0),
        ("a7", "a7"),
        ("7.5", "7.5"),
        ("٣", "٣"),
        ("9" * 30, "9" * 30),
    ],
)
def test_ids_in_all_notations(value: Any, number: int | str) -> None:
    assert read_id({"id": value}, "id", "here") == number


@pytest.mark.parametrize(
    "value", [None, True, 7.5, float("nan"), float("inf"), 1e300, 10**4000, -(10**4000), [], {}, "", " "]
)
def test_invalid_ids(value: Any) -> None:
    with pytest.raises(DataError, match=r"here: 'id' should be a whole number or a name, not "):
        read_id({"id": value}, "id", "here")


def test_an_id_used_twice_is_an_error_with_both_places() -> None:
    content = {"images": [{"id": 1}, {"id": 2}, {"id": "1"}]}
    with pytest.raises(DataError, match=r"^c\.json: images\[2\]: 'id' 1 is already that of c\.json: images\[0\]\.$"):
        by_id(SkippedEntries(), content, "images", "c.json")


def test_entries_without_an_id_are_skipped() -> None:
    skipped = SkippedEntries()
    found = by_id(skipped, {"images": [{"id": n} if n != 3 else {"di": 3} for n in range(30)]}, "images", "c.json")
    assert len(found) == 29 and 3 not in found and found[4] == ("c.json: images[4]", {"id": 4})
    assert skipped.messages() == ["c.json: images[3]: no field 'id'. Did you mean 'di'?"]


def test_sizes() -> None:
    assert read_image_size({"height": 6, "width": 8.0}, "here") == (6, 8)


@pytest.mark.parametrize("value", [0, -3, 2.5, float("nan"), float("inf"), 10**400, 1e300, 1_000_001, None, "6", True])
def test_invalid_sides(value: Any) -> None:
    with pytest.raises(DataError, match=r"here: 'height' should be a "):
        read_image_size({"height": value, "width": 8}, "here")


def test_coco_files_have_the_names_of_all_releases() -> None:
    old, new = "COCO_train2014_000000000007.jpg", "000000000007.jpg"
    for file in (old, new, f"train2014/{old}", f"train2017/{new}"):
        assert coco_files(file)[0] == file and {old, new, "COCO_val2014_000000000007.jpg"} <= set(coco_files(file))
    assert "train2017/000000000007.jpg" in coco_files("train2017/COCO_train2014_000000000007.jpg")
    assert coco_files("a/b.jpg") == ("a/b.jpg", "b.jpg") and coco_files("b.jpg") == ("b.jpg",)
    assert coco_files("COCO_train2014_000000217925_3.jpg") == ("COCO_train2014_000000217925_3.jpg",)
