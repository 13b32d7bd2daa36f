"""Pictures in files with labels and texts, as an endless shuffled stream."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np

from pali3kit.data.source import STRETCH, SourceBase
from pali3kit.data.task import Task
from pali3kit.errors import DataError
from pali3kit.images.decode import decode
from pali3kit.text.plain import one_line

FEWEST = 1000  # of which the share of bad ones is taken at the beginning: one bad one among the first ten is not 10%
FIRST = 3  # reasons that an error tells
SENTENCES = 1_000_000  # texts for a tokenizer where nobody says how many


class Records(Protocol):
    """What lies in the files. Every method may raise DataError: a record that cannot be used is skipped and named."""

    TEXTS: str  # where a text would be, for whoever has none

    @property
    def classes(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def name(self, number: int) -> str:
        """What to call a record in errors."""
        ...

    def picture(self, number: int) -> bytes:
        """The picture's file."""
        ...

    def text(self, number: int) -> str:
        """The text beside it."""
        ...

    def labels(self, number: int) -> tuple[int, ...]:
        """Indices into `classes`."""
        ...


def too_many(bad: int, of: int, most: float) -> bool:
    """Whether more than a share `most` are bad. Divided, for 0.29 * 100 is less than 29."""
    return bad > 0 and bad / max(of, 1) > most


class TooManyBad(DataError):
    """A larger share cannot be used than may be."""


class Skips:
    """Lines and records that cannot be used: listed once each, and past `most` of all a reason to stop.

    Attributes:
        seen: how many were looked at, and `bad` how many of them could not be used, each as often as it was met.
    """

    def __init__(self, most: float = 0.05) -> None:
        self.most, self.seen, self.bad = most, 0, 0
        self.lines: dict[str, None] = {}
        self._first: dict[str, None] = {}

    def add(self, line: str) -> None:
        """Note a bad one. Raises TooManyBad where there are too many, of the first `FEWEST` at the beginning."""
        self.note(line)
        self._judge(max(self.seen, FEWEST))

    def note(self, line: str) -> None:
        """Note one that is known to be bad."""
        self.bad += 1
        self.lines[line] = None
        if len(self._first) < FIRST:
            self._first[line] = None

    def judge(self) -> None:
        """At the end: raises TooManyBad where too many were bad, however few there were. A single one never is."""
        if len(self._first) > 1 or not self.most:
            self._judge(self.seen)

    def count_anew(self) -> None:
        """Judge what was looked at, and count by itself what is looked at next: records, then their pictures."""
        self.judge()
        self.seen = self.bad = 0
        self._first.clear()

    def _judge(self, of: int) -> None:
        if too_many(self.bad, of, self.most):
            raise TooManyBad(
                f"{self.bad} of {self.seen} cannot be used, more than most_bad {self.most:g} allows;"
                f" the first: {self.reasons}"
            )

    @property
    def reasons(self) -> str:
        """Of the first bad ones."""
        return "; ".join(self._first)

    def taken(self) -> list[str]:
        """The lines so far, of which it keeps none: whoever asks lists and counts them."""
        lines = list(self.lines)
        self.lines.clear()
        return lines


class RecordSource(SourceBase):
    """A `Source` over records: pictures, labels and texts, for the pretraining of encoders.

    Every pass over the records has another order, and a position in the stream says which record it is, so that a run
    continues in the middle of a pass without counting what it read. Test pictures are in the order of their file. There
    are no tasks: stage 1, transfers and their columns need a source that has.
    """

    draws = False
    skips: Skips

    def __init__(self, records: Records, test: Records | None = None) -> None:
        self.splits: dict[str, Records] = {"train": records} if test is None else {"train": records, "test": test}
        self.skips = Skips()
        # Two: a sample that replaces a bad one at the end of a pass is of the next.
        self._order = lru_cache(2)(lambda *turn: self._shuffled(np.random.default_rng(turn)))

    def _shuffled(self, rng: np.random.Generator) -> np.ndarray:
        """The numbers of the training images in random order, int64 `[images]`."""
        return rng.permutation(len(self.splits["train"]))

    @property
    def classes(self) -> tuple[str, ...]:
        return self.splits["train"].classes

    @property
    def languages(self) -> tuple[str, ...]:
        return ()

    def size(self, split: str) -> int:
        """How many pictures there are: 0 in a split that there is not."""
        return len(self.splits[split]) if split in self.splits else 0

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`, as large as it is."""
        number = self.number(split, index)
        records = self.splits[split]
        return np.asarray(decode(records.picture(number), records.name(number)))

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        number = self.number(split, index)
        return self.splits[split].labels(number)

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        """The text beside the picture. Raises DataError where it is empty."""
        return self._text(self.splits[split], self.number(split, index))

    def _text(self, records: Records, number: int) -> str:
        text = one_line(records.text(number))
        if not text:
            raise DataError(f"{records.name(number)}: its text is empty")
        return text

    def number(self, split: str, index: int) -> int:
        """Which record is at a position of the stream. Raises DataError for a test picture that there is not."""
        if split == "train":
            stretch, place = divmod(index, STRETCH)  # every seed's stretch begins with a whole pass
            turn, position = divmod(place, self.size("train"))
            return int(self._order(stretch, turn)[position])
        if split not in self.splits:
            raise DataError(f"these images in files have a train split only, not '{split}'")
        if index >= self.size(split):
            raise DataError(f"the {split} split has {self.size(split)} images, not {index + 1}: lower data.{split}")
        return index

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts in random order; those that cannot be used are noted in `skips`."""
        records, found = self.splits["train"], False
        for number in np.random.default_rng(seed).permutation(len(records))[: limit or SENTENCES]:
            self.skips.seen += 1
            try:
                text = self._text(records, int(number))
            except DataError as error:
                self.skips.add(str(error))
                continue
            found = True
            yield text
        if not found:
            raise DataError(f"none of the pictures has a text, the first being {records.name(0)}: {records.TEXTS}")

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        raise DataError("pictures in files have no held-out text: take a source of texts")

    def task(self, name: str, bins: int) -> Task:
        raise DataError(f"pictures in files have no task '{name}'")

    def tokenized(self, text: str, language: str) -> str:
        return text


def digest_files(root: Path, files: Iterable[Path], *versions: int) -> str:
    """SHA-256 of names, relative to `root`, and sizes, which stand for the content: it may be terabytes.

    `versions` are of the code that reads the files: what other code makes of them is other content. A file that is not
    there, as behind a link that leads nowhere, is no reason to stop: whoever reads it says so.
    """
    hasher = hashlib.sha256()
    for file in files:
        size = file.stat().st_size if file.exists() else None
        hasher.update(os.fsencode(f"{os.path.relpath(file, root)} {size}\n"))
    hasher.update(written_versions(*versions))
    return hasher.hexdigest()


def written_versions(*versions: int) -> bytes:
    """Versions of code as digests have them: first versions, which old digests do not have, are not written."""
    return b"" if max(versions, default=1) == 1 else f"versions {versions}\n".encode()
