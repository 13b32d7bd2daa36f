"""Bytes to text: encodings, compression, and files that decompress to far too much."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pali3kit.errors import DataError
from pali3kit.text.plain import decode_text, one_line, open_unpacked, read_text, require_utf8, stream_lines

PACKERS = {"gzip": gzip.compress, "bzip2": bz2.compress}


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"), max_size=40))
def test_every_unicode_with_a_mark_is_the_same_text(text: str) -> None:
    for encoding in ("utf-8", "utf-8-sig", "utf-16", "utf-32"):
        assert decode_text(text.encode(encoding)) == text


@given(st.text())
def test_one_line_is_a_line_that_utf_8_can_write(text: str) -> None:
    line = one_line(text)
    line.encode()
    assert line.split() == text.encode(errors="replace").decode().split() and "\n" not in line
    assert one_line(line) == line


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (gzip.compress(b"a cat", mtime=0), "packed with gzip"),
        (bz2.compress(b"a cat"), "packed with bzip2"),
        (bz2.compress(b""), "packed with bzip2"),
        (lzma.compress(b"a cat"), "packed with xz"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "packed with zstd"),
        (b"PK\x03\x04", "packed with zip"),
        ("a cat".encode("utf-16-le"), "UTF-16 without a mark"),
        (bytes(100), "no text"),
    ],
)
def test_what_is_no_text_is_named(data: bytes, told: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=told):
        decode_text(data)
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    with pytest.raises(DataError, match=rf"a\.txt: it is {told.split()[0]}|a\.txt: .*no text"):
        require_utf8(path)


def test_a_text_that_begins_as_a_packed_file_does_is_a_text(tmp_path: Path) -> None:
    for data in (b"BZh is no word", b"PK and (\xc2\xb5", "\u00fe".encode(), b"", b"caf\xe9"):
        (tmp_path / "a.txt").write_bytes(data)
        require_utf8(tmp_path / "a.txt")
        assert decode_text(data) == data.decode(errors="replace") == read_text(tmp_path / "a.txt")


@pytest.mark.parametrize("name", PACKERS)
def test_packed_files_are_unpacked_whatever_their_name(name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(PACKERS[name]("\ufeffa cat\na dog\n".encode()))
    assert read_text(path) == "a cat\na dog\n"
    assert list(stream_lines(path)) == ["\ufeffa cat\n".encode(), b"a dog\n"]


@pytest.mark.parametrize("name", PACKERS)
def test_damage_and_bombs_are_told_with_the_file(name: str, tmp_path: Path) -> None:
    whole = PACKERS[name](bytes(range(256)) * 500)
    middle = len(whole) // 2
    for data in (whole[:-9], whole[:middle] + b"\0\1\2\3" + whole[middle + 4 :], whole[:20]):
        (tmp_path / "a.gz").write_bytes(data)
        with pytest.raises(DataError, match=r"a\.gz: "):
            read_text(tmp_path / "a.gz")
    (tmp_path / "b.gz").write_bytes(PACKERS[name](bytes(1 << 25)))
    with (
        pytest.raises(DataError, match=r"b\.gz: it unpacks to more than 16777216 bytes"),
        open_unpacked(tmp_path / "b.gz") as file,
    ):
        while file.read(1 << 20):
            pass


def test_other_packings_and_wide_lines_are_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "a.xz").write_bytes(lzma.compress(b"a cat"))
    with pytest.raises(DataError, match=r"a\.xz: it is packed with xz: unpack it"):
        read_text(tmp_path / "a.xz")
    (tmp_path / "a.txt").write_bytes("a cat\n".encode("utf-16"))
    with pytest.raises(DataError, match=r"a\.txt: it is utf-16, or no text: write it in UTF-8"):
        list(stream_lines(tmp_path / "a.txt"))
    with pytest.raises(DataError, match=r"b\.txt: No such file"):
        read_text(tmp_path / "b.txt")
