"""Text in files, a text on each line, as a source for the tokenizer and the language model."""

from __future__ import annotations

import mmap
import os
import zlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, lru_cache
from glob import escape, glob
from itertools import islice
from pathlib import Path

import numpy as np

from pali3kit.data.records import Skips, digest, one_line
from pali3kit.data.source import SourceBase
from pali3kit.data.task import Task
from pali3kit.errors import DataError

HELD_OUT = 100  # one text in so many is held out, by its content: a text that occurs twice is on one side only
ORDER = 0  # the seed of held-out texts: they are the same whatever is trained


class Lines:
    """The lines of some files, known by where they begin, 8 bytes a line, and read where they lie.

    Indexed when the first one is asked for: whoever plans a run needs none.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self.files = files
        self._open = lru_cache(64)(_map)

    def __len__(self) -> int:
        return len(self._index[0])

    def __getitem__(self, number: int) -> bytes:
        """A line without its end."""
        content, start = self._open(self.files[self._file(number)]), int(self._index[0][number])
        end = content.find(b"\n", start)
        return content[start : end if end >= 0 else len(content)]

    def where(self, number: int) -> str:
        """What to call a line in errors: `file:line`."""
        return f"{self.files[self._file(number)]}:{self.row(number) + 1}"

    def row(self, number: int) -> int:
        """Which line of its own file it is, from 0."""
        file = self._file(number)
        return number - (int(self._index[1][file - 1]) if file else 0)

    def _file(self, number: int) -> int:
        return int(np.searchsorted(self._index[1], number, side="right"))

    @cached_property
    def _index(self) -> tuple[np.ndarray, np.ndarray]:
        """Where lines begin in their own file, int64 `[lines]`, and how many there are up to each file's end."""
        starts, ends = array("q"), []
        for file in self.files:
            at = 0
            with file.open("rb") as lines:
                for line in lines:
                    starts.append(at)
                    at += len(line)
            ends.append(len(starts))
        return np.frombuffer(starts, np.int64), np.array(ends)


class LineSource(SourceBase):
    """A `Source` of texts alone: there are no pictures, labels or tasks.

    One text in a hundred is held out: `sentences` never gives it.

    Args:
        path: a file, a folder (with all that is below), or a glob.
        ending: of the files in a folder.
        read: the text of a line. It raises ValueError for a line that cannot be used, which is skipped and listed.

    Attributes:
        version: as that of a `Reader`.
    """

    classes: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    version = 1
    draws = False
    skips: Skips

    def __init__(self, path: str, ending: str, read: Callable[[bytes], str]) -> None:
        self.files = find_files(path, ending)
        self.lines = Lines(self.files)
        self.digest = digest(common(self.files), self.files, self.version)
        self.skips = Skips()
        self._read = read

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts in random order, blank lines and bad ones left out; all of them unless there is a limit."""
        return self._texts(seed, False, limit)

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """The texts that `sentences` never gives."""
        return self._texts(ORDER, True, limit)

    def _texts(self, seed: int, held_out: bool, limit: int | None) -> Iterator[str]:
        order = np.random.default_rng(seed).permutation(len(self.lines))
        return parted(filter(None, (self._text(int(number)) for number in order)), held_out, limit)

    def _text(self, number: int) -> str:
        """The text of a line on one line; empty where it is blank or bad."""
        self.skips.seen += 1
        try:
            return one_line(self._read(self.lines[number]))
        except ValueError as error:
            self.skips.add(f"{self.lines.where(number)}: {error}")
            return ""

    def image(self, split: str, index: int) -> np.ndarray:
        raise DataError("texts in files have no pictures")

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        raise DataError("texts in files have no labels")

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        raise DataError("texts in files have no pictures, so no texts beside them")

    def task(self, name: str, bins: int) -> Task:
        raise DataError(f"texts in files have no task '{name}'")

    def tokenized(self, text: str, language: str) -> str:
        return text


def is_held_out(text: str) -> bool:
    """Whether a text is kept from training."""
    return zlib.crc32(text.encode()) % HELD_OUT == 0


def parted(texts: Iterator[str], held_out: bool, limit: int | None) -> Iterator[str]:
    """Up to `limit` of the texts that are held out, or of the others."""
    return islice((text for text in texts if is_held_out(text) == held_out), limit)


def common(files: Sequence[Path]) -> Path:
    """The folder that all files lie in or below."""
    return Path(os.path.commonpath([file.parent for file in files]))


def find_files(path: str, ending: str) -> Sequence[Path]:
    """The files that `path` names, sorted. Raises DataError where there is none."""
    path = os.path.expanduser(path)
    pattern = os.path.join(escape(path), "**", f"*{ending}") if os.path.isdir(path) else path
    files = [Path(path)] if os.path.isfile(path) else [Path(found) for found in sorted(glob(pattern, recursive=True))]
    files = [file for file in files if file.is_file()]
    if not files:
        raise DataError(f"there is no file {pattern}")
    return files


def _map(file: Path) -> bytes | mmap.mmap:
    """A file's bytes, read as they are asked for; an empty file cannot be mapped."""
    with file.open("rb") as opened:
        return mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) if os.path.getsize(file) else b""
