from __future__ import annotations

from pathlib import Path

import pytest

from pali3kit.errors import DataError
from pali3kit.text.corpus import read_sentences


def test_lines_of_all_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffa fox\r\n\nзайка".encode())
    (tmp_path / "b.jsonl").write_text('{"text": "two\\nlines", "n": 1}\n\n{"text": ""}\n{"text": "③"}')
    found = list(read_sentences([tmp_path / "a.txt", tmp_path / "b.jsonl"]))
    assert found == ["a fox", "", "зайка", "two", "lines", "③"]


def test_another_field(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text('{"text": "no", "caption": "yes"}')
    assert list(read_sentences([tmp_path / "b.jsonl"], field="caption")) == ["yes"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"fox\n\xff", r"a\.txt:2: 'utf-8' codec can't decode byte 0xff"),
        ("b.jsonl", b'{"text": "a"}\n{"text"', r"b\.jsonl:2: no JSON: Expecting"),
        ("b.jsonl", b'{"txet": "a"}', r"b\.jsonl:1: no field 'text', but txet\. Did you mean 'txet'\?"),
        ("b.jsonl", b"[" * 100_000, r"b\.jsonl:1: no JSON: "),
        ("b.jsonl", b'["text"]', r"b\.jsonl:1: no object, but list$"),
        ("b.jsonl", b'{"text": 3}', r"b\.jsonl:1: 'text' is no text, but int"),
        ("b.jsonl", b'{"text": "\\ud800"}', r"b\.jsonl:1: 'utf-8' codec can't encode character"),
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_sentences([tmp_path / name]))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: No such file"):
        list(read_sentences([tmp_path / "none.txt"]))
