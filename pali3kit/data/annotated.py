"""Annotated images of any reader as a source: everything that stage 1 and the transfers ask for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from pali3kit.data.lines import ORDER, common_parent, split_held_out
from pali3kit.data.reader import Reader
from pali3kit.data.record import Record, Word
from pali3kit.data.record_tasks import Draw, draw_of
from pali3kit.data.records import Order, RecordSource, digest_files
from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError
from pali3kit.images import decode
from pali3kit.text.plain import one_line
from pali3kit.text.quality import TextFilter

WORDS = 64  # of printed text: about 100 tokens


class _ImagesOf:
    """The images of a reader's records, numbered from the first record's first one, for a `RecordSource`.

    The text of an image is one of its record's captions; its labels are the record's, and the classes of its things.
    """

    TEXTS = "their records have no captions"

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    @cached_property
    def counts(self) -> np.ndarray | None:
        """How many images each record has, int `[records]`; None where each has one."""
        return self.reader.image_counts

    @cached_property
    def _ends(self) -> np.ndarray:
        """How many images there are up to the end of each record."""
        assert self.counts is not None
        return np.cumsum(self.counts)

    @property
    def max_images(self) -> int:
        """The most images of a record."""
        return 1 if self.counts is None else int(self.counts.max(initial=1))

    def locate(self, number: int) -> tuple[int, int]:
        """The number of the record that an image is of, and its place among the record's images."""
        if self.counts is None:
            return number, 0
        record = int(np.searchsorted(self._ends, number, side="right"))
        return record, number - int(self._ends[record] - self.counts[record])

    def shuffled(self, rng: np.random.Generator) -> np.ndarray:
        """The images in random order, those of a record together and in their own, int64 `[images]`."""
        order = rng.permutation(len(self.reader))
        if self.counts is None:
            return order
        firsts, counts = (self._ends - self.counts)[order], self.counts[order]
        return np.repeat(firsts - np.cumsum(counts) + counts, counts) + np.arange(len(self))

    def firsts(self, order: np.ndarray, count: int) -> np.ndarray:
        """The places in an `order` of the images where records begin that end among its first `count`, int64."""
        assert self.counts is not None
        lengths = np.zeros(len(self), np.int64)
        lengths[self._ends - self.counts] = self.counts
        lengths = lengths[order]
        return np.flatnonzero((lengths > 0) & (np.arange(len(self)) + lengths <= count))

    def record(self, number: int) -> Record:
        """The record that an image is of."""
        return self.reader.record(self.locate(number)[0])

    def read(self, number: int) -> tuple[Record, str, bytes]:
        """The record that an image is of, what errors call the image, and its file."""
        which, place = self.locate(number)
        record = self.reader.record(which)
        name = f"{record.name}: images[{place}]" if record.more_images else record.name
        try:
            return record, name, record.images[place]()
        except DataError as error:
            raise DataError(_named(name, error)) from error

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(map(one_line, self.reader.classes)))

    def __len__(self) -> int:
        return len(self.reader) if self.counts is None else int(self._ends[-1])

    def name(self, number: int) -> str:
        return self.record(number).name

    def image_bytes(self, number: int) -> bytes:
        return self.read(number)[2]

    def text(self, number: int) -> str:
        captions = [text for texts in self.record(number).captions.values() for text in texts]
        return captions[number % len(captions)] if captions else ""

    def labels(self, number: int) -> tuple[int, ...]:
        record = self.record(number)
        present = {*record.labels, *(thing.label for thing in record.things)}
        if not present:
            raise DataError(f"{record.name}: nothing in it has a class")
        return tuple(label for label, name in enumerate(self.classes) if name in present)


class AnnotatedSource(RecordSource):
    """A `Source` over a reader of training records and, where there is one, of test records.

    Images are numbered, records are not: those of a record have neighbouring numbers, and a task draws the example of a
    record at its first image. Records that cannot be used are noted in `skips`, texts that a filter drops in
    `text_filter`; tasks leave them out.

    Args:
        reader: of the train split.
        test: of the test split.
        filter: drop alt-texts of poor quality (`text.quality`) from the training records.
        words: the most printed words that the task ocr asks for.
    """

    def __init__(self, reader: Reader, test: Reader | None = None, filter: bool = False, words: int = WORDS) -> None:
        self.readers = {"train": reader} if test is None else {"train": reader, "test": test}
        self._images = {split: _ImagesOf(each) for split, each in self.readers.items()}
        super().__init__(self._images["train"], self._images.get("test"))
        self.words = words
        self.text_filter = TextFilter() if filter else None
        files = [file for split in self.readers.values() for file in split.files]
        # Without files, a reader generates its records.
        self.digest = digest_files(common_parent(files), files, decode.VERSION, reader.version) if files else ""

    def _shuffled(self, rng: np.random.Generator) -> Order:
        return self._images["train"].shuffled(rng)

    @property
    def max_images(self) -> int:
        """The most images of a record."""
        return max(images.max_images for images in self._images.values())

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages in which captions are evaluated: those of the test split, where there is one."""
        return self.readers.get("test", self.readers["train"]).languages

    @property
    def damages(self) -> list[str]:
        """What is damaged or left out of the files, as far as they have been read."""
        return [damage for reader in self.readers.values() for damage in reader.damages]

    @property
    def text_filters(self) -> dict[str, TextFilter]:
        """Statistics of the filter, where there is one."""
        return {} if self.text_filter is None else {"texts": self.text_filter}

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]` at its own size, in the orientation that its boxes refer to."""
        number, records = self.number(split, index), self.splits[split]
        if not isinstance(records, _ImagesOf):  # a subclass reads images itself; they have no boxes
            return super().image(split, index)
        record, name, data = records.read(number)
        image = decode.decode_image(data, name, upright=not record.stored, size=record.drawn_on)
        return np.asarray(record.edit(image) if record.edit else image)

    def images_with(self, split: str, index: int) -> tuple[int, ...]:
        """The numbers of all images of the record that image `index` is of."""
        record, place = self._images[split].locate(self.number(split, index))
        counts = self._images[split].counts
        return tuple(range(index - place, index - place + (1 if counts is None else int(counts[record]))))

    def firsts(self, split: str, count: int) -> Sequence[range]:
        """Ranges of the first images of records, of those whose images are all among the first `count`."""
        images = self._images[split]
        if images.counts is None:
            return (range(count),)
        if split != "train":
            self.number(split, count - 1)  # raises DataError where there are fewer
            return ranges_of(images.firsts(np.arange(len(images)), count))
        size, found = len(images), []
        for turn in range(-(-count // size)):
            order = np.asarray(self._order(0, turn))
            found.append(turn * size + images.firsts(order, count - turn * size))
        return ranges_of(np.concatenate(found))

    def record(self, split: str, index: int) -> Record:
        """The record that an image is of, without texts that the filter drops."""
        record = self._images[split].record(self.number(split, index))
        if self.text_filter is None or split != "train":
            return record
        return replace(
            record, captions={language: self.text_filter.good(texts) for language, texts in record.captions.items()}
        )

    def published_words(self, split: str, index: int) -> tuple[Word, ...]:
        """The words of an image that were published with the data set. Raises DataError where they are malformed."""
        read = self.record(split, index).read_ocr
        return read() if read else ()

    def task(self, name: str, bins: int) -> Task:
        return _RecordTask(name, self, draw_of(name, bins, self.classes, self.words))

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Every text of the training records in random order: captions, words, questions, classes, expressions."""
        return split_held_out(self._texts(seed), False, limit)

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """The texts, one in a hundred by hash, that `sentences` never yields."""
        return split_held_out(self._texts(ORDER), True, limit)

    def _texts(self, seed: int) -> Iterator[str]:
        for number in self._permutation(np.random.default_rng(seed)):
            if self._images["train"].locate(self.number("train", number))[1]:
                continue  # a record's texts are given once, with its first image
            record = self.usable("train", number)
            if record is not None:
                yield from filter(None, _told(record))

    def usable(self, split: str, index: int) -> Record | None:
        """`record`, or None where it cannot be used, which is recorded in `skips`."""
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
        """None also for a record that cannot be used: the source records it in `skips`."""
        record = self.source.usable(split, index)
        try:
            example = self._draw(record, rng) if record else None
        except DataError as error:
            assert record is not None
            self.source.skips.add(_named(record.name, error))
            return None
        if example is not None and not (example.target.strip() or example.hidden or example.free):
            assert record is not None
            self.source.skips.add(f"{record.name}: an empty target of task '{self.name}'")
            return None
        if example is None or record is None:
            return None
        images = self.source.images_with(split, index) if example.images else ()
        return replace(example, images=images, attributes=record.attributes)

    def where(self, split: str, count: int) -> Sequence[range]:
        """The first images of records. Reads the split's files, so that what is left out of them is known before
        anything is drawn.
        """
        self.source.size(split)
        return self.source.firsts(split, count)


def _named(name: str, error: DataError) -> str:
    """The message of an error, prefixed once by the record's name."""
    return f"{name}: {str(error).removeprefix(f'{name}: ')}"


def ranges_of(numbers: np.ndarray) -> list[range]:
    """Ascending numbers as ranges of neighbours."""
    starts = np.flatnonzero(np.diff(numbers, prepend=-2) != 1)
    bounds = zip(numbers[starts].tolist(), [*numbers[starts[1:] - 1].tolist(), *numbers[-1:].tolist()], strict=True)
    return [range(first, last + 1) for first, last in bounds]


def _told(record: Record) -> Iterator[str]:
    for captions in record.captions.values():
        yield from captions
    yield " ".join(word.text for word in record.words)
    for question in record.questions:
        yield from (question.text, *dict.fromkeys(question.answers))
    yield ", ".join(dict.fromkeys(thing.label for thing in record.things))
    yield ", ".join(record.labels)
    for thing in record.things:
        yield from thing.expressions
