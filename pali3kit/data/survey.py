"""What is in a file of `records`: what it has of everything, what that trains and measures, and what is wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from pali3kit.catalogue import BENCHMARK
from pali3kit.config.available_tasks import TASKS_OF
from pali3kit.config.tasks import TASKS
from pali3kit.data.fields import numbers
from pali3kit.data.readers.records import RecordsReader
from pali3kit.data.readers.records_fields import unread_fields
from pali3kit.data.record import Record
from pali3kit.errors import DataError
from pali3kit.images.decode import Size, decode_image, read_header

TEST_SPLITS = ("test", "val", "validation", "dev")  # names that files have for it, the first of these in a file
WANTED = {
    "captions": "no line has a caption",
    "words": "no line has words",
    "questions": "no line has questions",
    "things": "no line has things",
    "masks": "no thing has a mask",
    "expressions": "no thing has a mask and expressions",
}
"""Why the tasks of an annotation are missing, by the annotations of `TASKS_OF`."""
NORMALISED = "boxes that look normalised, all numbers within 0..1, where pixels are meant"
CUT = "boxes that reach beyond their image, and are cut (they are x, y, width, height)"
COUNTED = ("images", "questions", "answers", "things", "masks", "expressions", "words", "labels")


class _Header(NamedTuple):
    """Of an image: its format, (height, width) as shown, and whether EXIF rotates it."""

    format: str
    size: Size
    rotated: bool


@dataclass
class SplitCounts:
    """How much the usable lines of a split have.

    Attributes:
        lines: usable ones.
        counts: of `COUNTED`; `expressions` are those of things with masks.
        captions: texts by language.
        captioned: lines with a caption, by language.
        paths: of the images, as they are written.
    """

    lines: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    captions: Counter[str] = field(default_factory=Counter)
    captioned: Counter[str] = field(default_factory=Counter)
    paths: dict[str, None] = field(default_factory=dict)

    def add(self, record: Record, paths: Iterable[str]) -> None:
        self.lines += 1
        self.paths |= dict.fromkeys(paths)
        masked = [thing for thing in record.things if thing.mask]
        self.counts += Counter(
            images=len(record.images),
            questions=len(record.questions),
            answers=sum(len(asked.answers) for asked in record.questions),
            things=len(record.things),
            masks=len(masked),
            expressions=sum(len(thing.expressions) for thing in masked),
            words=sum(len(word.text.split()) for word in record.words),
            labels=len(record.labels),
        )
        self.captions += Counter({language: len(texts) for language, texts in record.captions.items()})
        self.captioned += Counter(record.captions.keys())

    def merge(self, other: SplitCounts) -> None:
        self.lines += other.lines
        self.counts += other.counts
        self.captions += other.captions
        self.captioned += other.captioned
        self.paths |= other.paths

    def missing(self, task: str) -> str:
        """Why no line is one for a task; "" where some are."""
        kind = next(kind for kind, tasks in TASKS_OF.items() if task in tasks)
        if not (sum(self.captions.values()) if kind == "captions" else self.counts[kind]):
            return WANTED[kind]
        if task == "caption" and not self.captions["en"]:
            return "no caption is in English (en)"
        return ""


@dataclass
class Survey:
    """What was found in a file.

    Attributes:
        splits: by name, "" for lines without one.
        problems: of every line that cannot be used.
        headers: of the images, one for each time that a line names it.
        unread: how often there are fields that are not read.
        unmasked: expressions of things without a mask, which no task uses.
        doubtful: the boxes that are used and may be meant otherwise, with line and field, by what looks wrong.
        usable: numbers of the reader's records that can be used.
    """

    reader: RecordsReader
    splits: dict[str, SplitCounts] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    headers: list[_Header] = field(default_factory=list)
    unread: Counter[str] = field(default_factory=Counter)
    unmasked: int = 0
    doubtful: dict[str, list[str]] = field(default_factory=dict)
    usable: list[int] = field(default_factory=list)

    @property
    def test_split(self) -> str | None:
        """The split to test on, if there is one and other lines to train on."""
        return next((name for name in TEST_SPLITS if name in self.splits and len(self.splits) > 1), None)

    @property
    def train(self) -> SplitCounts:
        """All lines but those to test on."""
        together = SplitCounts()
        for name, split in self.splits.items():
            if name != self.test_split:
                together.merge(split)
        return together

    @property
    def test(self) -> SplitCounts:
        return self.splits[self.test_split] if self.test_split is not None else SplitCounts()

    @property
    def shared(self) -> list[str]:
        """The images that lines to train on and lines to test on name."""
        train = self.train.paths
        return [path for path in self.test.paths if path in train]

    def tasks(self) -> dict[str, str]:
        """Why the training lines have no example of a task, by the tasks of mixtures; "" where they have."""
        train = self.train
        return {task: train.missing(task) for kind in WANTED for task in TASKS_OF[kind] if task in TASKS}

    def benchmarks(self) -> dict[str, str]:
        """Why a benchmark of images cannot be measured; "" where it can; without those of images of their own."""
        return {
            benchmark.name: self._obstacle(benchmark.task or "instance", benchmark.fewest)
            for benchmark in BENCHMARK.all()
            if (benchmark.generated and benchmark.task and not benchmark.answered_by) or benchmark.scored == "masks"
        }

    def _obstacle(self, task: str, fewest: int) -> str:
        if not any(task in TASKS_OF[kind] for kind in WANTED):
            return "no task of this file; data.tasks may name one, as {textvqa: vqa}"
        if missing := self.train.missing(task):
            return missing
        if self.test_split is None:
            return "no line has another split, such as `test`"
        if missing := self.test.missing(task):
            return f"of the split '{self.test_split}', {missing}"
        enough = [language for language, count in self.test.captioned.items() if count >= fewest]
        if fewest > 1 and not ("en" in enough if task == "caption" else enough):
            return f"it needs captions of {fewest} images of the split '{self.test_split}' in one language"
        return ""


def survey_records(
    file: str,
    images: str | None = None,
    decode: bool = False,
    progress: Callable[[Iterable[int], int], Iterable[int]] = lambda numbers, _: numbers,
) -> Survey:
    """Read all lines, masks and headers of images, or with `decode` the images themselves.

    `progress` passes on the numbers of the lines, given how many there are. Raises DataError where the file or the
    folder `images` is missing, or no line is a mapping.
    """
    reader = RecordsReader(file, images)
    found = Survey(reader)
    for number in progress(range(len(reader)), len(reader)):
        where = reader.lines.where(reader.line(number))
        try:
            entry = reader.entry(reader.line(number))
            record = reader.record(number)
            headers = [*_check_images(record, decode)]
            _check_masks(record)
        except DataError as error:
            found.problems.append(f"{where}: {str(error).removeprefix(f'{where}: ')}")
            continue
        for reason, box in _doubtful_boxes(entry, record.size or headers[0].size):
            found.doubtful.setdefault(reason, []).append(f"{where}: {box}")
        found.headers += headers
        found.unread.update(unread_fields(entry))
        found.usable.append(number)
        found.unmasked += sum(len(thing.expressions) for thing in record.things if thing.mask is None)
        found.splits.setdefault(_split_of(entry), SplitCounts()).add(record, reader.parser.paths(entry, where))
    return found


def _doubtful_boxes(entry: Mapping[str, object], size: Size) -> Iterator[tuple[str, str]]:
    """Of the boxes of a usable line on an image of (height, width): why they are in doubt, and their field."""
    for name in ("things", "words"):
        listed = entry.get(name)
        for number, each in enumerate(listed if isinstance(listed, list) else ()):
            if not isinstance(each, dict):
                continue
            x, y, width, height = box = numbers(each["bbox"], 4, "bbox")
            shown = f"{name}[{number}]: 'bbox' {each['bbox']} on an image of {size[0]}x{size[1]}"
            if all(0 <= value <= 1 for value in box):
                yield NORMALISED, shown
            elif min(round(x), round(y)) < 0 or round(x + width) > size[1] or round(y + height) > size[0]:
                yield CUT, shown


def _split_of(entry: Mapping[str, object]) -> str:
    split = entry.get("split")
    return "" if split is None else str(split)


def _check_images(record: Record, decode: bool) -> Iterable[_Header]:
    for number, read in enumerate(record.images):
        name = f"{record.name}: images[{number}]" if record.more_images else record.name
        data = read()
        header = _Header(*read_header(data, name, record.drawn_on))
        if decode:
            decode_image(data, name, size=record.drawn_on)
        yield header


def _check_masks(record: Record) -> None:
    """Raise DataError where a mask cannot be read or has no pixel."""
    for number, thing in enumerate(record.things):
        if thing.mask is not None and not thing.mask().any():
            raise DataError(f"{record.name}: things[{number}]: 'mask' is empty.")
