"""Your own annotated images: a JSON Lines file with one image on each line."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pali3kit.config.available_tasks import SUPERVISES, TASKS_OF, Supervision, task_family
from pali3kit.config.paths import protocol
from pali3kit.data.annotated import WORDS, AnnotatedSource, ranges_of
from pali3kit.data.fields import json_of, mapping
from pali3kit.data.lines import Lines
from pali3kit.data.reader import Files, Subset, image_folder, require_path
from pali3kit.data.readers.records_fields import Entry, LineParser, count_annotations, single_record, things_of
from pali3kit.data.record import Record
from pali3kit.data.task import Example, Task
from pali3kit.errors import DataError, choose
from pali3kit.registry import SOURCE
from pali3kit.storage.remote import AnyPath, RemotePath

if TYPE_CHECKING:
    from typing_extensions import Self

MAX_IMAGES = 16  # the frames that PaLI-3 reads of a video (paper.md §3.5)
REGIONS = ("instance", "refer")
RARE = 0.02  # share of the records: a mixture would give up a task with examples in fewer, sooner or later
NEARLY_ALL = 0.95  # share of the records: the others were always replaced, and no reason to stop


class _Index(NamedTuple):
    """What is collected from all lines of a file when the first record is asked for."""

    lines: array[int]  # of each record
    asked_at: array[int]  # which of its line's questions each record is, with `single`
    image_counts: array[int]
    numbers: dict[str, array[int]]  # of the records with an annotation, as `count_annotations` names it
    classes: tuple[str, ...]
    languages: tuple[str, ...]
    asked: tuple[str, ...]  # the languages of questions


class RecordsReader(Files):
    """Each line of a `.jsonl` file is a mapping with at least one of `caption` to `labels`:

    - `image`: the image's path below the folder `images`; or `images`: a list of up to `max_images` paths.
    - `split`: selected by the option `split`; `held_out` selects all others.
    - `height` and `width` in pixels; read from the image if they are missing.
    - `caption` or `captions`: a text, a list of texts, or a mapping from language codes to either.
    - `questions[]: question, answers[]`, optionally `language`; the first answer is the training target.
    - `things[]: label, bbox`: x, y, width and height in pixels of the image as shown (after EXIF rotation). Optionally
      `mask`: polygons or run lengths as COCO's, or the path of a PNG whose pixels above 0 are inside; and
      `expressions`: texts that refer to it.
    - `words[]`: strings, or `text, bbox`. Boxes need a record of a single image.
    - `labels[]`: classes of the whole image.
    - `attributes`: a mapping of texts, by which scores may be sliced (`evaluation.slices`); null or blank: unknown.

    Other fields are ignored, except those that look like a misspelt one. With `single` each question is a record, and
    so is each expression: scores are means over them.
    """

    def __init__(
        self,
        path: str,
        images: str | None = None,
        language: str = "en",
        split: str | None = None,
        single: bool = False,
        max_images: int = MAX_IMAGES,
        held_out: str | None = None,
    ) -> None:
        super().__init__(require_path(path))
        self.path = self.files[0]
        beside = RemotePath(path).parent if protocol(path) else self.path.parent
        self.image_folder: AnyPath = beside if images is None else image_folder(images)
        self.language, self.split, self.single, self.held_out = language, split, single, held_out
        self.lines = Lines(self.files)
        self.parser = LineParser(self.image_folder, language, max_images)

    def entry(self, line: int) -> Entry:
        """The mapping on a line, from 0. Raises DataError where it is none."""
        where = self.lines.where(line)
        return mapping(json_of(self.lines[line], where), where)

    @cached_property
    def _index(self) -> _Index:
        found = _Index(array("q"), array("q"), array("q"), {}, (), (), ())
        classes: dict[str, None] = {}
        languages, asked = {self.language: None}, dict[str, None]()
        splits = set()
        for line in range(len(self.lines)):
            content = self.lines[line]
            try:
                entry = mapping(json_of(content, ""), "") if content.strip() else None
            except DataError:
                entry = {}  # reported when this record is asked for, with its line
            else:
                split = None if entry is None else entry.get("split")
                if entry is None or not self._selects(split):
                    splits |= set() if split is None else {str(split)}
                    continue
            counts = count_annotations(entry, self.language)
            for number in range(max(1, counts["questions"], counts["expressions"]) if self.single else 1):
                for name in _annotations_at(number, counts):
                    found.numbers.setdefault(name, array("q")).append(len(found.lines))
                found.lines.append(line)
                found.asked_at.append(number)
                found.image_counts.append(self.parser.count(entry))
            classes |= dict.fromkeys(_labels(entry))
            languages |= dict.fromkeys(_languages(entry))
            asked |= dict.fromkeys(_asked(entry))
        if not found.lines:
            hint = f" of split '{self.split}'.{choose(self.split, splits)}" if self.split else ""
            raise DataError(f"{self.path}: no image{hint}")
        return found._replace(classes=tuple(classes), languages=tuple(languages), asked=tuple(asked))

    def _selects(self, split: object) -> bool:
        return split == self.split if self.split is not None else self.held_out is None or split != self.held_out

    @property
    def image_counts(self) -> np.ndarray | None:
        counts = np.array(self._index.image_counts)
        return counts if counts.max() > 1 else None

    @property
    def classes(self) -> tuple[str, ...]:
        return self._index.classes

    @property
    def languages(self) -> tuple[str, ...]:
        return self._index.languages

    @property
    def asked(self) -> tuple[str, ...]:
        """The languages of questions that name theirs."""
        return self._index.asked

    def having(self, annotation: str) -> np.ndarray:
        """Which records have an annotation, as `count_annotations` names it: bool `[records]`."""
        found = np.zeros(len(self), bool)
        found[np.array(self._index.numbers.get(annotation, ()), np.int64)] = True
        return found

    def __len__(self) -> int:
        return len(self._index.lines)

    def line(self, number: int) -> int:
        """The line of a record, from 0."""
        return self._index.lines[number]

    def record(self, number: int) -> Record:
        line, asked = self._index.lines[number], self._index.asked_at[number]
        record = self.parser.record(self.entry(line), self.lines.where(line))
        return single_record(record, asked) if self.single else record


def _annotations_at(number: int, counts: Counter[str]) -> Iterable[str]:
    """What question and expression `number` of a line are a record of, given how much there is on it."""
    if not number:
        return counts
    asked = ["questions"] * (number < counts["questions"])
    return [*asked, *(["masks", "expressions"] if number < counts["expressions"] else [])]


def _labels(entry: Entry) -> Iterator[str]:
    for thing in things_of(entry):
        if isinstance(label := thing.get("label"), str):
            yield label
    labels = entry.get("labels")
    for label in labels if isinstance(labels, list) else (labels,):
        if isinstance(label, str) and label.strip():
            yield label


def _languages(entry: Entry) -> Iterator[str]:
    for name in ("caption", "captions"):
        value = entry.get(name)
        yield from map(str, value) if isinstance(value, dict) else ()


def _asked(entry: Entry) -> Iterator[str]:
    questions = entry.get("questions")
    for question in questions if isinstance(questions, list) else ():
        if isinstance(question, dict) and isinstance(language := question.get("language"), str):
            yield language


class RecordsSource(AnnotatedSource):
    """An `AnnotatedSource` whose tasks are drawn from the lines that have them, where those are few, and encoders from
    those with texts or labels.

    The task `refer_only` of the test split is `refer`: each of its expressions is a record.
    """

    def telling(self, what: Supervision) -> Self:
        """The source that trains on the lines with captions, or with labels, alone; tasks find their masks themselves.

        It is this one where nearly all have them: what was trained before others were left out stays what it is.
        """
        if what not in self._narrowed:
            self._narrowed[what] = self if what == "masks" else self._with(SUPERVISES[what])
        return self._narrowed[what]

    @cached_property
    def _narrowed(self) -> dict[Supervision, Self]:
        return {}

    def _with(self, annotations: Iterable[str]) -> Self:
        """The source of the training records that have any of some annotations."""
        reader = self.readers["train"]
        assert isinstance(reader, RecordsReader)
        having = np.any([reader.having(each) for each in annotations], axis=0)
        if not having.any() or having.mean() >= NEARLY_ALL:
            return self
        found = type(self)(Subset(reader, np.flatnonzero(having)), self.readers.get("test"), words=self.words)
        found.skips, found.text_filter = self.skips, self.text_filter
        return found

    def task(self, name: str, bins: int) -> Task:
        return _RecordsTask(super().task("refer" if name == "refer_only" else name, bins), self)

    def places(self, name: str, split: str, count: int) -> Sequence[range]:
        """The first images of records among the first `count` that may have an example of a task.

        Where many have one, these are all images: what was trained before others were left out stays what it is.
        """
        reader, images, everywhere = self.readers[split], self._images[split], self.firsts(split, count)
        assert isinstance(reader, RecordsReader)
        having = reader.having(_annotation(name))
        if name not in REGIONS and having.mean() >= RARE:
            return everywhere
        places = [index for ahead in everywhere for index in ahead]
        found = [index for index in places if having[images.locate(self.number(split, index))[0]]]
        return ranges_of(np.array(found, np.int64))


def _annotation(task: str) -> str:
    """The annotation that a task needs, as `count_annotations` names it."""
    if task_family(task) == "caption" and task != "caption_multilingual":
        return f"captions.{task.partition('_')[2] or 'en'}"
    return next(kind for kind, tasks in TASKS_OF.items() if task in tasks)


class _RecordsTask:
    """A task on the images that may have an example of it."""

    def __init__(self, task: Task, source: RecordsSource) -> None:
        self.name, self.task, self.source = task.name, task, source

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        return self.task.draw(split, index, rng)

    def where(self, split: str, count: int) -> Sequence[range]:
        return self.source.places(self.name, split, count)


@SOURCE.register(
    "records",
    "your own: JSON lines of images with captions, questions, things, masks, words",
    annotations=("captions", "questions", "things", "words", "masks", "expressions", "labels", "attributes"),
    files=("path", "test"),
    folders=("images", "test_images"),
    test_options=("test", "test_split"),
)
def _create(
    path: str,
    images: str | None = None,
    language: str = "en",
    split: str | None = None,
    filter: bool = False,
    words: int = WORDS,
    test: str | None = None,
    test_images: str | None = None,
    test_split: str | None = None,
    max_images: int = MAX_IMAGES,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `records`: images of `split`; `language` is that of captions and questions that name none.

    `images` is the folder of the images, by default that of the file. `test` is another file; without it, the lines of
    `test_split` in `path` are the test split, and all others the train split if `split` does not select some of them.
    With `test`, `test_split` selects lines of that file. `filter` drops poor captions; the task ocr asks for at most
    `words` of an image. A record may name up to `max_images` images. `image_size` is ignored: images keep their size,
    and encoders resize them.
    """
    own, same = test or path, test is None and test_split is not None
    if same and split == test_split:
        raise DataError(f"{path}: split and test_split are both '{split}': the test images would be trained on.")
    train = RecordsReader(path, images, language, split, max_images=max_images, held_out=test_split if same else None)
    if not (test or same):
        return RecordsSource(train, None, filter, words)
    folder = images if same else test_images or images
    return RecordsSource(train, RecordsReader(own, folder, language, test_split, True, max_images), filter, words)
