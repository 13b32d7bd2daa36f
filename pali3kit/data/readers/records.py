"""Your own annotated images: a JSON Lines file with one image on each line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np

from pali3kit.data.annotated import WORDS, AnnotatedSource
from pali3kit.data.fields import each, field, json_of, mapping, nonblank, numbers, typed
from pali3kit.data.lines import Lines
from pali3kit.data.reader import Files, image_in, require_path
from pali3kit.data.readers.coco import read_image_size
from pali3kit.data.readers.coco_instances import to_pixel_box
from pali3kit.data.record import Asked, Record, Thing, Word
from pali3kit.data.task import Box
from pali3kit.errors import DataError, choose
from pali3kit.images.decode import Size, read_size
from pali3kit.registry import SOURCE

MAX_IMAGES = 16  # the frames that PaLI-3 reads of a video (paper.md §3.5)
ANNOTATIONS = ("caption", "captions", "questions", "things", "words")
Entry = Mapping[str, object]


class _Index(NamedTuple):
    """What is collected from all lines of a file when the first record is asked for."""

    places: list[tuple[int, int]]  # of each record: its line and, with `single`, which of its questions
    image_counts: list[int]
    classes: tuple[str, ...]
    languages: tuple[str, ...]


class _RecordsReader(Files):
    """Each line of a `.jsonl` file is a mapping with at least one of the last four fields:

    - `image`: the image's path below the folder `images`; or `images`: a list of up to `max_images` paths.
    - `split`: selected by the option `split`.
    - `height` and `width` in pixels; read from the image if they are missing.
    - `caption` or `captions`: a text, a list of texts, or a mapping from language codes to either.
    - `questions[]: question, answers[]`, optionally `language`; the first answer is the training target.
    - `things[]: label, bbox`: x, y, width and height in pixels of the image as shown (after EXIF rotation).
    - `words[]`: strings, or `text, bbox`. Boxes need a record of a single image.

    Other fields are ignored. With `single` each question is a record: accuracy is a mean over questions.
    """

    def __init__(
        self,
        path: str,
        images: str,
        language: str = "en",
        split: str | None = None,
        single: bool = False,
        max_images: int = MAX_IMAGES,
    ) -> None:
        super().__init__(require_path(path))
        self.path, self.image_folder = self.files[0], require_path(images, "folder")
        self.language, self.split, self.single, self.max_images = language, split, single, max_images
        self.lines = Lines(self.files)

    def _entry(self, line: int) -> Entry:
        where = self.lines.where(line)
        return mapping(json_of(self.lines[line], where), where)

    @cached_property
    def _index(self) -> _Index:
        places: list[tuple[int, int]] = []
        counts: list[int] = []
        classes: dict[str, None] = {}
        languages = {self.language: None}
        splits = set()
        for line in range(len(self.lines)):
            try:
                entry = self._entry(line) if self.lines[line].strip() else None
            except DataError:
                places.append((line, 0))  # reported when this record is asked for
                counts.append(1)
                continue
            if entry is None or self.split not in (None, entry.get("split")):
                splits |= {str(entry.get("split"))} if entry else set()
                continue
            asked = entry.get("questions")
            here = len(asked) if self.single and isinstance(asked, list) and asked else 1
            places += [(line, number) for number in range(here)]
            counts += [self._count(entry)] * here
            classes |= dict.fromkeys(_labels(entry.get("things")))
            languages |= dict.fromkeys(_languages(entry))
        if not places:
            hint = f" of split '{self.split}'.{choose(self.split, splits)}" if self.split else ""
            raise DataError(f"{self.path}: no image{hint}")
        return _Index(places, counts, tuple(classes), tuple(languages))

    def _count(self, entry: Entry) -> int:
        """The number of images of an entry; 1 where it is malformed, which reading its record reports."""
        images = entry.get("images")
        return len(images) if isinstance(images, list) and 0 < len(images) <= self.max_images else 1

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

    def __len__(self) -> int:
        return len(self._index.places)

    def record(self, number: int) -> Record:
        line, asked = self._index.places[number]
        entry, where = self._entry(line), self.lines.where(line)
        if not any(entry.get(name) for name in ANNOTATIONS):
            raise DataError(f"{where}: none of {', '.join(ANNOTATIONS)}.{choose(ANNOTATIONS[0], map(str, entry))}")
        read_image, *more = (image_in(self.image_folder, path) for path in self._paths(entry, where))
        boxes = bool(entry.get("things")) or any(isinstance(word, dict) for word in _list(entry, "words", where))
        if boxes and more:
            raise DataError(f"{where}: boxes need a record of one image, 'images' has {len(more) + 1}.")
        has_size = entry.get("height") is not None and entry.get("width") is not None
        size = read_image_size(entry, where) if has_size else read_size(read_image(), where) if boxes else None
        questions = tuple(self._questions(entry, where))
        if self.single:
            questions = questions[asked : asked + 1]
        if asked:
            return Record(where, read_image, size, questions=questions, more_images=tuple(more))
        captions, words = self._captions(entry, where), tuple(_words(entry, size, where))
        things = tuple(_things(entry, size, where))
        record = Record(where, read_image, size, captions, words, questions, things, more_images=tuple(more))
        if not (record.captions or record.questions or record.things or any(word.text for word in words)):
            raise DataError(f"{where}: all of its annotations are blank.")
        return record

    def _paths(self, entry: Entry, where: str) -> list[str]:
        if "images" not in entry:
            return [field(entry, "image", str, where)]
        if "image" in entry:
            raise DataError(f"{where}: it has 'image' and 'images': one of them is enough.")
        paths = field(entry, "images", list, where)
        if not 0 < len(paths) <= self.max_images:
            bound = f"{where}: 'images' should name 1 to {self.max_images} images, not {len(paths)}"
            raise DataError(f"{bound}: raise max_images." if paths else f"{bound}.")
        return [typed(path, str, f"{where}: 'images[{number}]'") for number, path in enumerate(paths)]

    def _captions(self, entry: Entry, where: str) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name in ("caption", "captions"):
            value = entry.get(name)
            by_language = value if isinstance(value, dict) else {self.language: value}
            for language, texts in by_language.items():
                listed = texts if isinstance(texts, list) else [] if texts is None else [texts]
                what = f"{where}: '{name}'"
                if not language.strip():
                    raise DataError(f"{what}: a language code is blank.")
                found[language] = (*found.get(language, ()), *(typed(text, str, what) for text in listed))
        return found

    def _questions(self, entry: Entry, where: str) -> Iterator[Asked]:
        for at, asked in each(entry, "questions", where) if entry.get("questions") is not None else ():
            answers = [typed(answer, str, f"{at}: an answer") for answer in field(asked, "answers", list, at)]
            language = nonblank(asked, "language", at) if "language" in asked else self.language
            if not any(answer.strip() for answer in answers):
                raise DataError(f"{at}: 'answers' should hold at least one that is not empty.")
            yield Asked(nonblank(asked, "question", at), tuple(answers), language)


def _things(entry: Entry, size: Size | None, where: str) -> Iterator[Thing]:
    for at, thing in each(entry, "things", where) if entry.get("things") is not None else ():
        yield Thing(nonblank(thing, "label", at), _box(thing, size, at))


def _words(entry: Entry, size: Size | None, where: str) -> Iterator[Word]:
    for number, word in enumerate(_list(entry, "words", where)):
        at = f"{where}: words[{number}]"
        if isinstance(word, str):
            yield Word(word)
        else:
            found = mapping(word, at)
            yield Word(field(found, "text", str, at), _box(found, size, at))


def _box(entry: Entry, size: Size | None, where: str) -> Box:
    assert size is not None, "record() reads it if there are boxes"
    return to_pixel_box(numbers(field(entry, "bbox", list, where), 4, f"{where}: 'bbox'"), size, where)


def _list(entry: Entry, name: str, where: str) -> Sequence[object]:
    value = entry.get(name)
    return () if value is None else typed(value, list, f"{where}: '{name}'")


def _labels(things: object) -> Iterator[str]:
    for thing in things if isinstance(things, list) else ():
        if isinstance(thing, dict) and isinstance(thing.get("label"), str):
            yield thing["label"]


def _languages(entry: Entry) -> Iterator[str]:
    for name in ("caption", "captions"):
        value = entry.get(name)
        yield from map(str, value) if isinstance(value, dict) else ()


@SOURCE.register(
    "records",
    "your own: JSON lines of images with captions, questions, things, words",
    annotations=("captions", "questions", "things", "words"),
    files=("path", "test"),
    folders=("images", "test_images"),
)
def _create(
    path: str,
    images: str,
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

    `filter` drops poor captions; the task ocr asks for at most `words` of an image. `test` may be the same file, with
    its `test_split`. A record may name up to `max_images` images. `image_size` is ignored: images keep their size, and
    encoders resize them.
    """
    held = _RecordsReader(test, test_images or images, language, test_split, True, max_images) if test else None
    return AnnotatedSource(_RecordsReader(path, images, language, split, max_images=max_images), held, filter, words)
