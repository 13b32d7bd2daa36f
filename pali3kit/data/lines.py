"""Text files with one text on each line, as a source for the tokenizer and the language model."""

from __future__ import annotations

import mmap
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from glob import glob
from itertools import islice
from pathlib import Path

import numpy as np

from pali3kit.config.paths import protocol
from pali3kit.data.records import Skips, digest_files
from pali3kit.data.source import SourceBase
from pali3kit.data.task import Task
from pali3kit.data.visible import walk
from pali3kit.errors import DataError
from pali3kit.storage.cache import local_copies, origin
from pali3kit.storage.patterns import remote_files
from pali3kit.storage.remote import AnyPath
from pali3kit.text.plain import one_line, require_utf8

HELD_OUT = 100  # one text in 100 is held out, chosen by a hash: copies of a text are all held out or all not
CHUNK = 1 << 22  # bytes read at a time to find where lines begin
ORDER = 0  # seed of the order of held-out texts, the same for every training


class Lines:
    """Random access to the lines of some files, through an index of 8 bytes a line.

    Lines end with a line feed or, in a file without any, with a carriage return. The index is built when the first line
    is read: planning a run reads none.

    Raises:
        DataError: a file is compressed or in UTF-16, so that its lines cannot be read at random.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self._open = lru_cache(64)(_map)

    def __len__(self) -> int:
        return len(self._index[0])

    def __getitem__(self, number: int) -> bytes:
        """A line without its end."""
        return self.span(number, 1).rstrip(b"\r\n")

    def span(self, number: int, count: int) -> bytes:
        """`count` consecutive lines of one file, as bytes with their ends."""
        file, (starts, ends) = self._file(number), self._index
        content, behind = self._open(self.files[file]), number + count
        return content[int(starts[number]) : int(starts[behind]) if behind < ends[file] else len(content)]

    def counts(self, sign: bytes) -> np.ndarray:
        """How often a byte occurs in each line, int64 `[lines]`."""
        found = []
        for starts, file in zip(np.split(self._index[0], self._index[1][:-1]), self.files, strict=True):
            places = _behind(file, sign)
            found.append(np.diff(np.searchsorted(places, starts, side="right"), append=len(places)))
        return np.concatenate(found)

    def lengths(self) -> np.ndarray:
        """Bytes of each line, its end included, int64 `[lines]`."""
        starts = zip(np.split(self._index[0], self._index[1][:-1]), self.files, strict=True)
        return np.concatenate([np.diff(of, append=file.stat().st_size) for of, file in starts])

    def where(self, number: int) -> str:
        """What errors call a line: `file:line`."""
        return f"{self.files[self._file(number)]}:{self.row(number) + 1}"

    def row(self, number: int) -> int:
        """The number of a line in its own file, from 0."""
        file = self._file(number)
        return number - (int(self._index[1][file - 1]) if file else 0)

    def _file(self, number: int) -> int:
        return int(np.searchsorted(self._index[1], number, side="right"))

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray]:
        """Offsets of lines in their own file, int64 `[lines]`, and the number of lines up to the end of each file."""
        starts = [_starts(file) for file in self.files]
        return np.concatenate([np.zeros(0, np.int64), *starts]), np.cumsum([len(of) for of in starts])


class LineSource(SourceBase):
    """A `Source` of texts alone, without images, labels or tasks.

    One text in a hundred is held out: `sentences` never yields it.

    Args:
        path: a file, a folder (searched recursively), or a glob.
        ending: of the files in a folder.
        read: from a line to its text. Raises ValueError for a line that cannot be used, which is skipped and recorded.

    Attributes:
        version: see `Reader`.
    """

    classes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    version = 2  # files whose lines end with a carriage return alone are lines
    skips: Skips

    def __init__(self, path: str, ending: str, read: Callable[[bytes], str]) -> None:
        self.files = find_files(path, ending)
        self.lines = Lines(self.files)
        self.digest = digest_files(common_parent(self.files), self.files, self.version)
        self.skips = Skips()
        self._read = read

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts in random order, without blank and bad lines; up to `limit` of them."""
        return self._texts(seed, False, limit)

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """The texts that `sentences` never yields."""
        return self._texts(ORDER, True, limit)

    def _texts(self, seed: int, held_out: bool, limit: int | None) -> Iterator[str]:
        order = np.random.default_rng(seed).permutation(len(self.lines))
        return split_held_out(filter(None, (self._text(int(number)) for number in order)), held_out, limit)

    def _text(self, number: int) -> str:
        """The text of a line; empty where it is blank or cannot be used, which is recorded."""
        self.skips.seen += 1
        try:
            return one_line(self._read(self.lines[number]))
        except ValueError as error:
            self.skips.add(f"{self.lines.where(number)}: {error}")
            return ""

    def image(self, split: str, index: int) -> np.ndarray:
        raise DataError("texts in files have no images")

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        raise DataError("texts in files have no labels")

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        raise DataError("texts in files have no images, so no texts beside them")

    def task(self, name: str, bins: int) -> Task:
        raise DataError(f"texts in files have no task '{name}'")

    def tokenized(self, text: str, language: str) -> str:
        return text


def _is_held_out(text: str) -> bool:
    """Whether a text is kept out of training."""
    return zlib.crc32(text.encode()) % HELD_OUT == 0


def split_held_out(texts: Iterator[str], held_out: bool, limit: int | None) -> Iterator[str]:
    """Up to `limit` of the texts that are held out, or of the others."""
    return islice((text for text in texts if _is_held_out(text) == held_out), limit)


def common_parent(files: Sequence[AnyPath]) -> Path:
    """The deepest folder that contains all files, those behind URLs as `origin` names them."""
    folders = [os.path.dirname(origin(file)) or "." for file in files]
    relative = not any(map(os.path.isabs, folders))
    return Path(os.path.commonpath(folders if relative else [*map(os.path.abspath, folders)]))


def find_files(path: str, ending: str) -> Sequence[Path]:
    """The file `path`, the files that match it as a glob, or, below a folder, those with this ending, sorted.

    Links are followed. Files behind a URL are copied to the cache. Raises DataError where there is no file.
    """
    if protocol(path):
        return local_copies(remote_files(path, ending))
    path = os.path.expanduser(path)
    if os.path.isdir(path):
        found = [os.path.join(folder, name) for folder, names in walk(Path(path)) for name in names]
        found, path = [name for name in found if name.endswith(ending)], os.path.join(path, "**", f"*{ending}")
    else:
        found = [path] if os.path.isfile(path) else glob(path, recursive=True)
    files = [Path(name) for name in sorted(found) if os.path.isfile(name)]
    if not files:
        raise DataError(f"there is no file {path}")
    return files


def _starts(file: Path) -> np.ndarray:
    """Offsets of the lines of a file, int64."""
    require_utf8(file)
    found = _behind(file, b"\n")
    if not len(found):
        found = _behind(file, b"\r")
    starts = np.concatenate([[0], found])
    return starts[starts < file.stat().st_size]


def _behind(file: Path, sign: bytes) -> np.ndarray:
    """Offsets of the bytes after every `sign` in a file, int64."""
    found, at = [np.zeros(0, np.int64)], 0
    with file.open("rb") as opened:
        while chunk := opened.read(CHUNK):
            found.append(np.flatnonzero(np.frombuffer(chunk, np.uint8) == ord(sign)) + at + 1)
            at += len(chunk)
    return np.concatenate(found)


def _map(file: Path) -> bytes | mmap.mmap:
    """A file's bytes, memory-mapped; an empty file cannot be mapped."""
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) if os.path.getsize(file) else b""
