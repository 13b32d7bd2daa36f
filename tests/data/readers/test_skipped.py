"""Entries that readers skip are counted and limited."""

from __future__ import annotations

from typing import Any

import pytest

from pali3kit.data.readers.skipped import SkippedEntries, require_any_valid, valid_or_raise
from pali3kit.errors import DataError


def entries(count: int, *wrong: int) -> dict[str, list[Any]]:
    return {"a": [3 if number in wrong else {"n": number} for number in range(count)]}


def test_malformed_entries_are_skipped_and_reported() -> None:
    skipped = SkippedEntries()
    found = list(skipped.mappings(entries(200, 7, 9), "a", "c.json"))
    assert len(found) == 198 and found[7] == ("c.json: a[8]", {"n": 8})
    assert skipped.messages() == [f"c.json: a[{n}]: this should be a mapping, not the number 3." for n in (7, 9)]


def test_errors_that_the_caller_adds_count_too() -> None:
    skipped = SkippedEntries()
    with pytest.raises(DataError, match=r"^c\.json: a\[0\] is odd 5 more of 100 entries are malformed too\.$"):
        for number, (where, _) in enumerate(skipped.mappings(entries(100), "a", "c.json")):
            if number < 6:
                skipped.add_error(DataError(f"{where} is odd"))


@pytest.mark.parametrize("number", [0, 1, 20, 21])
def test_the_share_is_per_list(number: int) -> None:
    skipped = SkippedEntries()
    list(skipped.mappings(entries(1000, *range(50)), "a", "c.json"))  # a twentieth
    if number < 21:
        assert len(list(skipped.mappings(entries(400, *range(number)), "a", "c.json"))) == 400 - number
    else:
        with pytest.raises(DataError, match=r"a\[0\]: this should be a mapping.* 20 more of 400 entries"):
            list(skipped.mappings(entries(400, *range(number)), "a", "c.json"))


def test_mappings_to_mappings_have_their_keys() -> None:
    skipped = SkippedEntries()
    found = {"a": {str(number): {"n": number} for number in range(40)} | {"x": []}}
    assert list(skipped.mapping_items(found, "a", "c.json"))[3] == ("3", ("c.json: a[3]", {"n": 3}))
    assert skipped.messages() == ["c.json: a[x]: this should be a mapping, not a list."]
    for wrong, kind in ((skipped.mappings, {"a": {}}), (skipped.mapping_items, {"a": []})):
        with pytest.raises(DataError, match=r"c\.json: 'a' should be a (list|mapping), not a (mapping|list)"):
            list(wrong(kind, "a", "c.json"))  # type: ignore[arg-type]


def test_skipped_entries_have_one_line_per_kind() -> None:
    skipped = SkippedEntries()
    for where, what in (("a[0]", "a blank caption"), ("a[4]", "a blank caption"), ("a[2]", "a rejected caption")):
        skipped.note(what, where)
    assert skipped.messages() == [
        "a[0]: a blank caption is left out, one of 2",
        "a[2]: a rejected caption is left out, one of 1",
    ]


def test_one_valid_record_is_enough() -> None:
    error = DataError("a[0]: no field 'b'")
    found: list[str | DataError] = [error, "fine"]
    assert require_any_valid(found, "none") == found and valid_or_raise(found[1]) == "fine"
    with pytest.raises(DataError, match=r"^a\[0\]: no field 'b'$"):
        valid_or_raise(found[0])
    with pytest.raises(DataError, match=r"^a\[0\]: no field 'b'$"):
        require_any_valid([error], "none")
    with pytest.raises(DataError, match=r"^none$"):
        require_any_valid([], "none")
