"""JSON lines."""

from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.data.jsonl import JsonlSource, read_field

LINES = """\
{"text": "a\\n b", "id": 1}

{"text": ""}
{"text": "half \\ud83d of it"}
{"title": "no text", "id": 2}
{"text": 7}
["text"]
{"text": "cut o
"""


def test_fields_are_texts_on_one_line_and_the_rest_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(LINES)
    source = JsonlSource(str(tmp_path))
    assert sorted(source.sentences(0, 16)) == ["a b", "half ? of it"]
    found = sorted(line.removeprefix(f"{file}:") for line in source.skips.lines)
    assert found[:3] == [
        "5: no field 'text', but id, title",
        "6: 'text' is no text, but int",
        "7: no object, but list",
    ]
    assert len(found) == 4 and found[3].startswith("8: no JSON: Unterminated string")


def test_another_field(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(LINES)
    assert list(JsonlSource(str(tmp_path / "*.jsonl"), field="title").sentences(0, 16)) == ["no text"]


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[" * 100_000, b"{} {}", b"nul"])
def test_what_is_no_json(line: bytes) -> None:
    with pytest.raises(ValueError, match="no JSON"):
        read_field(line, "text")


def test_a_field_that_stands_twice_is_told() -> None:
    with pytest.raises(ValueError, match="'text' occurs twice in a mapping, with two values"):
        read_field('{"text": "a", "text": "b"}', "text")
