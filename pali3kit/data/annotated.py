"""Annotated pictures of any reader as a source: everything that stage 1 and the transfers ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from pali3kit.data.lines import ORDER, common, parted
from pali3kit.data.reader import Reader
from pali3kit.data.record import Record
from pali3kit.data.record_tasks import Draw, draw_of
from pali3kit.data.records import RecordSource, digest
from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError
from pali3kit.images import decode
from pali3kit.text.plain import one_line
from pali3kit.text.quality import TextFilter

WORDS = 64  # of printed text: about 100 tokens


class Described:
    """A reader's records for a `RecordSource`: their text is one of the captions, their labels are their classes."""

    TEXTS = "their records have no captions"

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(one_line, self.reader.classes)))

    def __len__(self) -> int:
        return len(self.reader)

    def name(self, number: int) -> str:
        return self.reader.record(number).name

    def picture(self, number: int) -> bytes:
        record = self.reader.record(number)
        try:
            return record.picture()
        except DataError as error:
            raise DataError(_told_of(record, error)) from error

    def text(self, number: int) -> str:
        captions = [text for texts in self.reader.record(number).captions.values() for text in texts]
        return captions[number % len(captions)] if captions else ""

    def labels(self, number: int) -> tuple[int, ...]:
        record = self.reader.record(number)
        present = {thing.label for thing in record.things}
        if not present:
            raise DataError(f"{record.name}: nothing in it has a class")
        return tuple(label for label, name in enumerate(self.classes) if name in present)


class AnnotatedSource(RecordSource):
    """A `Source` over a reader of training pictures and, where there is one, of test pictures.

    Records that cannot be used are noted in `skips`, texts that a filter drops in `sieve`; a task passes them over.

    Args:
        reader: of the train split.
        test: of the test split.
        filter: drop alt-texts of poor quality (`text.quality`) from the training pictures.
        words: the most printed words that the task ocr asks for.
    """

    def __init__(self, reader: Reader, test: Reader | None = None, filter: bool = False, words: int = WORDS) -> None:
        super().__init__(Described(reader), Described(test) if test is not None else None)
        self.readers = {"train": reader} if test is None else {"train": reader, "test": test}
        self.words = words
        self.sieve = TextFilter() if filter else None
        files = [file for split in self.readers.values() for file in split.files]
        # A reader may make its records.
        self.digest = digest(common(files), files, decode.VERSION, reader.version) if files else ""

    @property
    def languages(self) -> tuple[str, ...]:
        """Those of the captions that are measured: of the test pictures, where there are some."""
        return self.readers.get("test", self.readers["train"]).languages

    @property
    def damages(self) -> list[str]:
        """What is damaged or left out of the files, as far as they have been read."""
        return [damage for reader in self.readers.values() for damage in reader.damages]

    @property
    def sieves(self) -> dict[str, TextFilter]:
        """What the filter saw, where there is one."""
        return {} if self.sieve is None else {"texts": self.sieve}

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`, as large as it is, and turned as its boxes are."""
        number, records = self.number(split, index), self.splits[split]
        if not isinstance(records, Described):  # nothing is drawn on its pictures
            return super().image(split, index)
        record = records.reader.record(number)
        try:
            data = record.picture()
        except DataError as error:
            raise DataError(_told_of(record, error)) from error
        return np.asarray(decode.decode_image(data, record.name, upright=not record.stored, size=record.drawn_on))

    def record(self, split: str, index: int) -> Record:
        """What is known of a picture, less the texts that the filter drops."""
        number = self.number(split, index)
        record = self.readers[split].record(number)
        if self.sieve is None or split != "train":
            return record
        return replace(
            record, captions={language: self.sieve.good(texts) for language, texts in record.captions.items()}
        )

    def task(self, name: str, bins: int) -> Task:
        return _RecordTask(name, self, draw_of(name, bins, self.classes, self.words))

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Every text of the training records in random order: captions, words, questions, classes, expressions."""
        return parted(self._texts(seed), False, limit)

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """The texts, one in a hundred by content, that `sentences` never gives."""
        return parted(self._texts(ORDER), True, limit)

    def _texts(self, seed: int) -> Iterator[str]:
        for number in np.random.default_rng(seed).permutation(self.size("train")):
            record = self.usable("train", int(number))
            if record is not None:
                yield from filter(None, _told(record))

    def usable(self, split: str, index: int) -> Record | None:
        """`record`, or None for one that cannot be used, which is noted."""
        self.skips.seen += 1
        try:
            return self.record(split, index)
        except DataError as error:
            self.skips.add(str(error))
            return None


class _RecordTask:
    """A task on an annotated source."""

    def __init__(self, name: str, source: AnnotatedSource, draw: Draw) -> None:
        self.name, self.source = name, source
        self._draw = draw

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        """None also for a record that cannot be used: the source notes it."""
        record = self.source.usable(split, index)
        try:
            example = self._draw(record, rng) if record else None
        except DataError as error:
            assert record is not None
            self.source.skips.add(_told_of(record, error))
            return None
        if example is not None and not example.target.strip():
            assert record is not None
            self.source.skips.add(f"{record.name}: an empty target of task '{self.name}'")
            return None
        return replace(example, image=index) if example else None

    def where(self, split: str, count: int) -> Sequence[range]:
        """All. The split's files are read for it: what is left out of them is known before anything is drawn."""
        self.source.size(split)
        return (range(count),)


def _told_of(record: Record, error: DataError) -> str:
    """What is wrong, with the record's name in front, once."""
    return f"{record.name}: {str(error).removeprefix(f'{record.name}: ')}"


def _told(record: Record) -> Iterator[str]:
    for captions in record.captions.values():
        yield from captions
    yield " ".join(word.text for word in record.words)
    for question in record.questions:
        yield from (question.text, *dict.fromkeys(question.answers))
    yield ", ".join(dict.fromkeys(thing.label for thing in record.things))
    for thing in record.things:
        yield from thing.expressions
