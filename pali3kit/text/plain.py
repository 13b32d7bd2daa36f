"""Reading text files: compression, Unicode encodings, lines and JSON."""

from __future__ import annotations

import bz2
import codecs
import gzip
import io
import json
import re
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from pali3kit.errors import DataError, nearest
from pali3kit.types import Json

HEAD = 4096  # bytes in which a file's format is detected
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
MARKS = {  # in this order: UTF-32's mark begins with UTF-16's
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
MOST_ZEROS = 0.25  # share of zero bytes that tells UTF-16 (about half) from UTF-8 (none)
SMALL, RATIO = 1 << 24, 100  # a file may unpack to so many bytes, or so many times its size, whichever is more


def one_line(text: str) -> str:
    """The text with single spaces, and a `?` for each lone surrogate, which JSON may hold and UTF-8 may not."""
    return _writable(" ".join(text.split()))


def _writable(text: str) -> str:
    """The text with a `?` for each lone surrogate."""
    return text.encode(errors="replace").decode()


def split_lines(text: str) -> list[str]:
    """The lines of a text, which end with a line feed, a carriage return or both.

    `str.splitlines` would also split at U+2028, U+0085 and others, which occur within captions and names. Byte order
    marks are removed from the start of each line, where concatenated files have them.
    """
    return [line.lstrip("\ufeff") for line in re.split(r"\r\n?|\n", text)]


def parse_json(data: str | bytes) -> Json:
    """Parse JSON in any Unicode encoding, with or without a byte order mark. Raises ValueError if it is invalid."""
    try:
        content: Json = json.loads(data, object_pairs_hook=_unambiguous)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"no JSON: {error}") from error
    return content


def _unambiguous(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    """A mapping of JSON. Raises ValueError for a key with two values, of which `json` would take the last."""
    found = dict(pairs)
    if len(found) < len(pairs):
        for key, value in pairs:
            if found[key] != value:
                raise ValueError(f"'{key[:40]}' occurs twice in a mapping, with two values")
    return found


def compression_of(head: bytes) -> str | None:
    """The compression format of a file that starts with `head`, if any."""
    return next((name for name, magic in PACKED.items() if magic.match(head)), None)


def decode_text(data: bytes) -> str:
    """The text in `data`, without a byte order mark; bytes that are not UTF-8 become U+FFFD.

    Raises:
        ValueError: it is compressed, or neither UTF-8 nor the encoding of its byte order mark.
    """
    if kind := compression_of(data):
        raise ValueError(f"it is packed with {kind}, no text: unpack it")
    marked = _marked_encoding(data)
    if marked is None and _looks_like_utf16(data[:HEAD]):
        raise ValueError("it is UTF-16 without a mark, or no text: write it in UTF-8")
    return data.decode(marked or "utf-8", "strict" if marked else "replace").removeprefix("\ufeff")


def _marked_encoding(head: bytes) -> str | None:
    """The encoding other than UTF-8 that a byte order mark names."""
    return next((name for mark, name in MARKS.items() if head.startswith(mark)), None)


def _looks_like_utf16(head: bytes) -> bool:
    """Whether there are more zero bytes than in UTF-8."""
    return head.count(0) > MOST_ZEROS * len(head)


def require_utf8(path: Path) -> None:
    """Raise DataError for a file whose lines cannot be read at random as UTF-8: compressed, UTF-16, or no text."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from error
    if kind := compression_of(head):
        raise DataError(f"{path}: it is packed with {kind}, and its lines are read at random: unpack it")
    _require_utf8(head, path)


def _require_utf8(head: bytes, path: Path) -> None:
    marked = _marked_encoding(head)
    if marked or _looks_like_utf16(head):
        raise DataError(f"{path}: it is {marked or 'UTF-16'}, or no text: write it in UTF-8")


@contextmanager
def open_unpacked(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed if they are gzip or bzip2, whatever the file's name.

    Raises:
        DataError: it cannot be read, is damaged, in another compression, or decompresses to suspiciously much.
    """
    try:
        with path.open("rb") as file:
            kind = compression_of(file.read(HEAD))
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
    """A compressed file that raises OSError for any damage, and after `most` bytes."""

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
    """The text of a file. Raises DataError, which names the file."""
    with open_unpacked(path) as file:
        data = file.read()
    try:
        return decode_text(data)
    except ValueError as error:
        raise DataError(f"{path}: {error}") from error


def stream_lines(path: Path) -> Iterator[bytes]:
    """The lines of a UTF-8 file with their ends. Raises DataError, which names the file."""
    with open_unpacked(path) as file:
        for number, line in enumerate(file):
            if not number:
                _require_utf8(line[:HEAD], path)
            yield line


def read_sentences(paths: Iterable[Path], field: str = "text") -> Iterator[str]:
    """The lines of text files, compressed or not, to train a tokenizer on; of a `.jsonl` file, each object's `field`.

    Raises:
        DataError: a file cannot be read, or a line is no UTF-8 or no JSON with this field; it names file and line.
    """
    for path in paths:
        objects = ".jsonl" in path.suffixes  # perhaps compressed: a.jsonl.gz
        for number, line in enumerate(stream_lines(path), start=1):
            try:
                text = line.decode("utf-8-sig")
                text = read_field(text, field) if objects else text
            except ValueError as error:
                raise DataError(f"{path}:{number}: {error}") from error
            yield from map(_writable, text.splitlines())


def read_field(line: str | bytes, field: str) -> str:
    """The text in `field` of a line with a JSON object; "" for a blank line. Raises ValueError."""
    if not line.strip():
        return ""
    record = parse_json(line)
    if not isinstance(record, dict):
        raise ValueError(f"no object, but {type(record).__name__}")
    if field not in record:
        hint = nearest(field, record)
        raise ValueError(f"no field '{field}', but {', '.join(sorted(record)) or 'none at all'}{hint and '.' + hint}")
    text = record[field]
    if not isinstance(text, str):
        raise ValueError(f"'{field}' is no text, but {type(text).__name__}")
    return text
