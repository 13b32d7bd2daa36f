"""Text as it lies in files: which bytes are text, in which Unicode, and how it comes out on one line."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pali3kit.errors import DataError
from pali3kit.types import Json

HEAD = 4096  # bytes from which a file's format is known
PACKED = {
    "gzip": re.compile(rb"\x1f\x8b\x08"),
    "bzip2": re.compile(rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)"),
    "xz": re.compile(rb"\xfd7zXZ\0"),
    "zstd": re.compile(rb"\x28\xb5\x2f\xfd"),
    "zip": re.compile(rb"PK\x03\x04"),
}
OPENERS: dict[str, Callable[[BinaryIO], BinaryIO]] = {
    "gzip": lambda file: cast(BinaryIO, gzip.GzipFile(fileobj=file)),
    "bzip2": lambda file: cast(BinaryIO, bz2.BZ2File(file)),
}
MARKS = {  # UTF-32's begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
ZEROS = 0.25  # of UTF-16 about half of the bytes are zeros, of UTF-8 none
SMALL, RATIO = 1 << 24, 100  # a file that unpacks to more than so many bytes, and to more than so many times its size


def one_line(text: str) -> str:
    """The text with single spaces; half a surrogate pair, which JSON may hold and UTF-8 may not, becomes a `?`."""
    return writable(" ".join(text.split()))


def writable(text: str) -> str:
    """The text with a `?` for each half of a surrogate pair."""
    return text.encode(errors="replace").decode()


def lines_in(text: str) -> list[str]:
    """The lines of a file's text, which end with a line feed, a carriage return or both; `str.splitlines` would cut
    also at U+2028, U+0085 and others, which stand within captions and names. Where files were put behind one another,
    a line may begin with a byte order mark.
    """
    return [line.lstrip("\ufeff") for line in re.split(r"\r\n?|\n", text)]


def json_in(data: str | bytes) -> Json:
    """What JSON holds, in any Unicode, with a byte order mark or without. Raises ValueError for what is none."""
    try:
        content: Json = json.loads(data, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from error
    return content


def _unambiguous(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """A mapping of JSON. Raises ValueError for a key that has two values, where json would take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value:
                raise ValueError(f"'{key[:40]}' stands twice in a mapping, with two values")
    return found


def packing(head: bytes) -> str | None:
    """What a file's first bytes say that it is packed with."""
    return next((name for name, magic in PACKED.items() if magic.match(head)), None)


def decoded(data: bytes) -> str:
    """The text that `data` holds, without a byte order mark; bytes that are not UTF-8 become U+FFFD.

    Raises:
        ValueError: it is packed, or no text of UTF-8 or of a Unicode that its mark names.
    """
    if kind := packing(data):
        raise ValueError(f"it is packed with {kind}, no text: unpack it")
    marked = _marked(data)
    if marked is None and _wide(data[:HEAD]):
        raise ValueError("it is UTF-16 without a mark, or no text: write it in UTF-8")
    return data.decode(marked or "utf-8", "strict" if marked else "replace").removeprefix("\ufeff")


def _marked(head: bytes) -> str | None:
    """The Unicode but UTF-8 that a file's byte order mark names."""
    return next((name for mark, name in MARKS.items() if head.startswith(mark)), None)


def _wide(head: bytes) -> bool:
    """Whether the bytes have more zeros than UTF-8 ever has."""
    return head.count(0) > ZEROS * len(head)


def check_plain(path: Path) -> None:
    """Raises DataError for a file whose lines do not lie in it as UTF-8: it is packed, in UTF-16, or no text."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    if kind := packing(head):
        raise DataError(f"{path}: it is packed with {kind}, and its lines are read at random: unpack it")
    _check_narrow(head, path)


def _check_narrow(head: bytes, path: Path) -> None:
    marked = _marked(head)
    if marked or _wide(head):
        raise DataError(f"{path}: it is {marked or 'UTF-16'}, or no text: write it in UTF-8")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked where gzip or bzip2 has packed it, whatever its name.

    Raises:
        DataError: it cannot be read, is damaged, packed otherwise, or unpacks to far more than data does.
    """
    try:
        with path.open("rb") as file:
            kind = packing(file.read(HEAD))
            file.seek(0)
            if kind is None:
                yield file
            elif kind in OPENERS:
                most = max(SMALL, RATIO * path.stat().st_size)
                yield cast(BinaryIO, io.BufferedReader(_Bounded(OPENERS[kind](file), most), 1 << 20))
            else:
                raise DataError(f"{path}: it is packed with {kind}: unpack it, or take gzip or bzip2")
    except (OSError, ValueError) as error:  # ValueError: a zero byte in its name
        raise DataError(f"{path}: {getattr(error, 'strerror', None) or error}") from error


class _Bounded(io.RawIOBase):
    """A packed file whose every fault is an OSError, and which ends with one after `most` bytes."""

    def __init__(self, file: BinaryIO, most: int) -> None:
        self.file, self.most, self.room = file, most, most

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            data = self.file.read(len(buffer))
        except (zlib.error, EOFError) as error:
            raise OSError(f"damaged: {error}") from error
        self.room -= len(data)
        if self.room < 0:
            raise OSError(f"it unpacks to more than {self.most} bytes, {RATIO} times its size: unpack it yourself")
        buffer[: len(data)] = data
        return len(data)


def read_text(path: Path) -> str:
    """All of a text file. Raises DataError, naming it."""
    with opened(path) as file:
        data = file.read()
    try:
        return decoded(data)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def stream_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file of UTF-8, in order, with their ends. Raises DataError, naming it."""
    with opened(path) as file:
        for number, line in enumerate(file):
            if not number:
                _check_narrow(line[:HEAD], path)
            yield line
