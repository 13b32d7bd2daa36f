"""Fields of other people's files."""

from __future__ import annotations

import bz2
import gzip
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data import fields
from pali3kit.errors import DataError


@pytest.mark.parametrize(("ending", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress)])
def test_compressed_or_not(tmp_path: Path, ending: str, pack: Any) -> None:
    file = tmp_path / f"a.json{ending}"
    file.write_bytes(pack(b'{"a": 1}\n\n{"a": 2}'))
    assert list(fields.read_json_lines(file)) == [(f"{file}:1", {"a": 1}), (f"{file}:3", {"a": 2})]
    with pytest.raises(DataError, match=r"a\.json\S*: no JSON: Extra data"):
        fields.read_json(file)
    file.write_bytes(pack(b"[1]"))
    assert fields.read_json(file) == [1]


@pytest.mark.parametrize("data", [b"", b"\xff", b"[" * 100_000, gzip.compress(b"[1]" * 99, mtime=0)[:30]])
def test_what_is_no_json(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / ("a.json.gz" if data[:2] == b"\x1f\x8b" else "a.json")
    file.write_bytes(data)
    with pytest.raises(DataError, match=str(file)):
        fields.read_json(file)
    with pytest.raises(DataError, match="nowhere"):
        fields.read_json(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("value", "kind", "told"),
    [
        (True, int, "should be a whole number, not true"),
        (1.5, int, "should be a whole number, not the number 1.5"),
        ("1", float, "should be a number, not the text '1'"),
        (float("nan"), float, "should be a finite number, not the number nan"),
        (float("-inf"), float, "should be a finite number, not the number -inf"),
        (10**400, float, "should be a finite number, not a number of 1329 bits"),
        (None, str, "should be a text, not nothing"),
        ([], dict, "should be a mapping, not a list"),
        (1, bool, "should be true or false, not the number 1"),
    ],
)
def test_wrong_types(value: Any, kind: type, told: str) -> None:
    with pytest.raises(DataError) as error:
        fields.field({"x": value}, "x", kind, "f.json: a[3]")
    assert str(error.value) == f"f.json: a[3]: 'x' {told}."


def test_right_types() -> None:
    assert fields.field({"x": 3}, "x", float, "") == 3 and fields.numbers([1, 2.5], 2, "") == (1.0, 2.5)
    with pytest.raises(DataError, match=r"f: no field 'x'\. It has none at all"):
        fields.field({}, "x", str, "f")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e400", "1" + "0" * 400])
def test_numbers_of_json_that_are_none(tmp_path: Path, value: str) -> None:
    """json reads them, and no field may have them; where nobody asks for them they do no harm."""
    file = tmp_path / "a.json"
    file.write_text(f'{{"area": {value}, "box": [1, 2.5, {value}]}}')
    content = fields.mapping(fields.read_json(file), str(file))
    with pytest.raises(DataError, match=r"a\.json: 'area' should be a finite number, not "):
        fields.field(content, "area", float, str(file))
    with pytest.raises(DataError, match=r"'box'\[2\] should be a finite number, not "):
        fields.numbers(content["box"], 3, "'box'")


def test_a_key_of_two_values(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"a": {"b": 1, "b": [2]}}')
    for read in (fields.read_json, lambda path: list(fields.read_json_lines(path))):
        with pytest.raises(DataError, match=r"a\.json(:1)?: no JSON: 'b' occurs twice in a mapping, with two values"):
            read(file)
    file.write_text('{"a": 1, "a": 1}')
    assert fields.read_json(file) == {"a": 1}
