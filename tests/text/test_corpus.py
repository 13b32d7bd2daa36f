from __future__ import annotations

import bz2
import gzip
from pathlib import Path

import pytest

from pali3kit.errors import DataError
from pali3kit.text.plain import read_sentences


def test_lines_of_all_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes("\ufeffa fox\r\n\nзайка".encode())
    (tmp_path / "b.jsonl").write_text('{"text": "two\\nlines", "n": 1}\n\n{"text": ""}\n{"text": "③"}')
    found = list(read_sentences([tmp_path / "a.txt", tmp_path / "b.jsonl"]))
    assert found == ["a fox", "", "зайка", "two", "lines", "③"]


def test_half_a_surrogate_pair_is_a_question_mark_and_packed_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(b'\xef\xbb\xbf{"text": "a cut emoji \\ud83d"}\n'))
    (tmp_path / "a.txt.bz2").write_bytes(bz2.compress(b"a fox\n"))
    assert list(read_sentences([tmp_path / "a.txt.bz2", tmp_path / "b.jsonl.gz"])) == ["a fox", "a cut emoji ?"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ("a fox\n".encode("utf-16"), "it is utf-16"),
        (gzip.compress(bytes(range(256)) * 99, mtime=0)[:-9], "damaged: Compressed file ended"),
        (gzip.compress(bytes(1 << 25), mtime=0), "it unpacks to more than"),
        (b"\xfd7zXZ\0", "it is packed with xz"),
    ],
)
def test_no_garbage_is_a_corpus(data: bytes, told: str, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(data)
    with pytest.raises(DataError, match=rf"a\.txt: {told}"):
        list(read_sentences([tmp_path / "a.txt"]))


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
    ],
)
def test_what_cannot_be_used_is_told_with_its_line(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        list(read_sentences([tmp_path / name]))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt: No such file"):
        list(read_sentences([tmp_path / "none.txt"]))
