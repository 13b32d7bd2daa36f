"""Images in files with labels and texts, as an endless shuffled stream, and the record of what cannot be used."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import Protocol, TypeAlias

import numpy as np

from pali3kit.data.order import BlockOrder
from pali3kit.data.source import STRETCH, SourceBase
from pali3kit.data.task import Task
from pali3kit.errors import DataError, counted
from pali3kit.images.decode import decode_image
from pali3kit.storage.cache import origin
from pali3kit.storage.remote import AnyPath, size_of
from pali3kit.text.plain import one_line

FEWEST = 1000  # samples that the share of bad ones refers to at least: 1 of the first 10 is no reason to stop
FIRST = 3  # reasons that an error quotes
SENTENCES = 1_000_000  # texts for a tokenizer without a limit
Order: TypeAlias = np.ndarray | BlockOrder
"""The numbers of images in random order, int64 `[images]` or computed."""


class _Records(Protocol):
    """Records in files. A method raises DataError for a record that cannot be used: it is then skipped and listed."""

    TEXTS: str  # where a text is expected, for the error where there is none

    @property
    def classes(self) -> tuple[str, ...]: ...

    def __len__(self) -> int: ...

    def name(self, number: int) -> str:
        """What errors call a record."""
        ...

    def image_bytes(self, number: int) -> bytes:
        """The content of the image's file."""
        ...

    def text(self, number: int) -> str:
        """The image's text."""
        ...

    def labels(self, number: int) -> tuple[int, ...]:
        """Indices into `classes`."""
        ...


def too_many(bad: int, of: int, most: float) -> bool:
    """Whether more than a share `most` are bad. Compares a quotient, because 0.29 * 100 is less than 29."""
    return bad > 0 and bad / max(of, 1) > most


class TooManyBad(DataError):
    """A larger share of the samples cannot be used than `runtime.max_bad_fraction` allows."""


class Skips:
    """Records what cannot be used, each message once, and raises TooManyBad when its share exceeds `most`.

    Attributes:
        seen: how many samples were tried, repetitions included; `bad`: how many of them could not be used.
    """

    def __init__(self, most: float = 0.05) -> None:
        self.most, self.seen, self.bad = most, 0, 0
        self.lines: dict[str, None] = {}
        self._first: dict[str, None] = {}

    def add(self, line: str) -> None:
        """Record a bad sample. Raises TooManyBad where there are too many, relative to at least `FEWEST` samples."""
        self.note(line)
        self._judge(max(self.seen, FEWEST))

    def count(self, reasons: Iterable[str]) -> None:
        """Count samples by the reasons why they cannot be used, "" for good ones. Raises TooManyBad as `add` does."""
        for reason in reasons:
            self.seen += 1
            if reason:
                self.add(reason)

    def note(self, line: str) -> None:
        """Record a bad sample without judging their share."""
        self.bad += 1
        self.mention(line)
        if len(self._first) < FIRST:
            self._first[line] = None

    def mention(self, line: str) -> None:
        """List a line that does not count as a bad one, such as a consequence of others."""
        self.lines[line] = None

    def judge(self) -> None:
        """At the end, raise TooManyBad where too many of all samples were bad. A single one is always allowed."""
        if len(self._first) > 1 or not self.most:
            self._judge(self.seen)

    def count_anew(self) -> None:
        """Judge what was counted so far, then start again: records and their images are counted separately."""
        self.judge()
        self.seen = self.bad = 0
        self._first.clear()

    def _judge(self, of: int) -> None:
        if too_many(self.bad, of, self.most):
            raise TooManyBad(
                f"{self.bad} of {self.seen} cannot be used, more than max_bad_fraction {self.most:g} allows;"
                f" the first: {self.reasons}"
            )

    @property
    def reasons(self) -> str:
        """The messages on the first bad samples."""
        return "; ".join(self._first)

    def drain(self) -> list[str]:
        """Return the messages so far and forget them: the caller lists and counts them."""
        lines = list(self.lines)
        self.lines.clear()
        return lines


class RecordSource(SourceBase):
    """A `Source` over records with images, labels and texts, for the pretraining of encoders. It has no tasks.

    Every pass over the training images has another order. Which image is at a position of the stream is computed from
    the position, so a run resumes in the middle of a pass. Test images are in the order of their file.
    """

    skips: Skips

    def __init__(self, records: _Records, test: _Records | None = None) -> None:
        self.splits: dict[str, _Records] = {"train": records} if test is None else {"train": records, "test": test}
        self.skips = Skips()
        # Two passes: the replacement of a bad sample at the end of a pass comes from the next one.
        self._order = lru_cache(2)(lambda *turn: self._shuffled(np.random.default_rng(turn)))

    def _shuffled(self, rng: np.random.Generator) -> Order:
        """The numbers of the training images in random order."""
        return rng.permutation(len(self.splits["train"]))

    def _permutation(self, rng: np.random.Generator) -> Iterable[int]:
        """The numbers of all training images in random order, to go through."""
        return map(int, rng.permutation(self.size("train")))

    @property
    def by_windows(self) -> bool:
        """Whether training images are shuffled by windows of shards (`BlockOrder`), not all together."""
        return False

    @property
    def classes(self) -> tuple[str, ...]:
        return self.splits["train"].classes

    @property
    def languages(self) -> tuple[str, ...]:
        return ()

    def size(self, split: str) -> int:
        """The number of images of a split; 0 for a split that does not exist."""
        return len(self.splits[split]) if split in self.splits else 0

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`, at its own size."""
        number = self.number(split, index)
        records = self.splits[split]
        return np.asarray(decode_image(records.image_bytes(number), records.name(number)))

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        number = self.number(split, index)
        return self.splits[split].labels(number)

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        """The image's text. Raises DataError where it is empty."""
        return self._text(self.splits[split], self.number(split, index))

    def _text(self, records: _Records, number: int) -> str:
        text = one_line(records.text(number))
        if not text:
            raise DataError(f"{records.name(number)}: its text is empty")
        return text

    def number(self, split: str, index: int) -> int:
        """The number of the image at a position of the stream. Raises DataError beyond the end of the test split."""
        if split == "train":
            stretch, place = divmod(index, STRETCH)  # a stretch begins with a whole pass
            turn, position = divmod(place, self.size("train"))
            return int(self._order(stretch, turn)[position])
        if split not in self.splits:
            raise DataError(f"these images in files have a train split only, not '{split}'")
        if index >= self.size(split):
            raise DataError(
                f"the {split} split has {counted(self.size(split), 'image')}, not {index + 1}: lower data.{split}"
            )
        return index

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts in random order; those that cannot be used are recorded in `skips`."""
        records, found = self.splits["train"], False
        for number in islice(self._permutation(np.random.default_rng(seed)), limit or SENTENCES):
            self.skips.seen += 1
            try:
                text = self._text(records, number)
            except DataError as error:
                self.skips.add(str(error))
                continue
            found = True
            yield text
        if not found:
            raise DataError(f"none of the images has a text, the first being {records.name(0)}: {records.TEXTS}")

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        raise DataError("images in files have no held-out text: take a source of texts")

    def task(self, name: str, bins: int) -> Task:
        raise DataError(f"images in files have no task '{name}'")

    def tokenized(self, text: str, language: str) -> str:
        return text


def digest_files(root: AnyPath, files: Iterable[AnyPath], *versions: int) -> str:
    """SHA-256 of the files' names, relative to `root`, and sizes; their content may be terabytes and is not read.

    `versions` are those of the code that reads the files: other code may produce other records. A missing file, such as
    the target of a broken link, is ignored here; reading it raises an error.
    """
    hasher, top = hashlib.sha256(), origin(root)
    for file in files:
        size = size_of(file) if file.exists() else None
        hasher.update(os.fsencode(f"{os.path.relpath(origin(file), top)} {size}\n"))
    hasher.update(written_versions(*versions))
    return hasher.hexdigest()


def written_versions(*versions: int) -> bytes:
    """Versions of code as part of a digest; first versions add nothing, since older digests did not contain them."""
    return b"" if max(versions, default=1) == 1 else f"versions {versions}\n".encode()
