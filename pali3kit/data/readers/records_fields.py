"""The fields of a line of `records`: from JSON to a record, with errors that name line and field."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from functools import lru_cache, partial

import numpy as np

from pali3kit.data.fields import each, field, mapping, nonblank, numbers, shown, typed
from pali3kit.data.reader import image_in
from pali3kit.data.readers.coco import read_image_size
from pali3kit.data.readers.coco_instances import read_mask, to_pixel_box
from pali3kit.data.record import Asked, Record, Thing, Word
from pali3kit.data.task import Box
from pali3kit.errors import DataError, choose
from pali3kit.images.decode import Size, decode_mask, read_size
from pali3kit.storage.remote import AnyPath

ANNOTATIONS = ("caption", "captions", "questions", "things", "words", "labels")
FIELDS = {
    "": ("image", "images", "video", "start", "end", "split", "height", "width", "attributes", *ANNOTATIONS),
    "questions": ("question", "answers", "language"),
    "things": ("label", "bbox", "mask", "expressions"),
    "words": ("text", "bbox"),
}
"""The fields of a line, and of the mappings in its lists."""
ALIKE = 0.8  # of difflib: two letters swapped in a word of five have 0.8, `image` and `image_id` 0.77
Entry = Mapping[str, object]


class LineParser:
    """Makes a record of a line.

    Args:
        folder: of the images, and of masks in files.
        language: of captions and questions that name none.
        max_images: the most images of a record.
    """

    def __init__(self, folder: AnyPath, language: str, max_images: int) -> None:
        self.folder, self.language, self.max_images = folder, language, max_images

    def record(self, entry: Entry, where: str) -> Record:
        """The record of a line at `where`. Raises DataError, which names the field, for the first that is malformed.

        Masks are made when a task asks for them: then malformed ones raise DataError.
        """
        _check_names(entry, "", where)
        if not any(entry.get(name) for name in ANNOTATIONS):
            raise DataError(f"{where}: none of {', '.join(ANNOTATIONS)}.{choose(ANNOTATIONS[0], map(str, entry))}")
        read_image, *more = self.images(entry, where)
        boxes = bool(entry.get("things")) or any(isinstance(word, dict) for word in _list(entry, "words", where))
        if boxes and more:
            raise DataError(f"{where}: boxes need a record of one image, 'images' has {len(more) + 1}.")
        has_size = entry.get("height") is not None and entry.get("width") is not None
        written = read_image_size(entry, where) if has_size else None
        size = written or (read_size(read_image(), where) if boxes else None)
        record = Record(
            where,
            read_image,
            written,
            captions=self._captions(entry, where),
            words=tuple(_words(entry, size, where)),
            questions=tuple(self._questions(entry, where)),
            things=tuple(self._things(entry, size, where)),
            labels=_texts(entry.get("labels"), f"{where}: 'labels'"),
            more_images=tuple(more),
            attributes=_attributes(entry, where),
        )
        told = (
            record.captions,
            record.questions,
            record.things,
            record.labels,
            record.attributes,
            "".join(w.text for w in record.words),
        )
        if not any(told):
            raise DataError(f"{where}: all of its annotations are blank.")
        return record

    def images(self, entry: Entry, where: str) -> Sequence[Callable[[], bytes]]:
        """What reads the files of a line's images."""
        return [image_in(self.folder, path) for path in self.paths(entry, where)]

    def count(self, entry: Entry) -> int:
        """The number of images of a line; 1 where it is malformed, which reading its record reports."""
        images = entry.get("images")
        return len(images) if isinstance(images, list) and 0 < len(images) <= self.max_images else 1

    def paths(self, entry: Entry, where: str) -> Sequence[str]:
        """The paths of a line's images, as they are written."""
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
                if not language.strip():
                    raise DataError(f"{where}: '{name}': a language code is blank.")
                found[language] = (*found.get(language, ()), *_texts(texts, f"{where}: '{name}'"))
        return found

    def _questions(self, entry: Entry, where: str) -> Iterator[Asked]:
        for at, asked in each(entry, "questions", where) if entry.get("questions") is not None else ():
            _check_names(asked, "questions", at)
            answers = [typed(answer, str, f"{at}: an answer") for answer in field(asked, "answers", list, at)]
            language = nonblank(asked, "language", at) if "language" in asked else self.language
            if not any(answer.strip() for answer in answers):
                raise DataError(f"{at}: 'answers' should hold at least one that is not empty.")
            yield Asked(nonblank(asked, "question", at), tuple(answers), language)

    def _things(self, entry: Entry, size: Size | None, where: str) -> Iterator[Thing]:
        for at, thing in each(entry, "things", where) if entry.get("things") is not None else ():
            _check_names(thing, "things", at)
            label, box, shape = nonblank(thing, "label", at), _box(thing, size, at), thing.get("mask")
            expressions = _texts(thing.get("expressions"), f"{at}: 'expressions'")
            what, mask = f"{at}: 'mask'", None
            assert size is not None, "record() reads it if there are things"
            if isinstance(shape, str):
                mask = partial(_read_file, self.folder, shape, size, what)
            elif isinstance(shape, list | dict):
                mask = partial(read_mask, shape, size, what)
            elif shape is not None:
                raise DataError(f"{what} should be polygons, run lengths or the path of a PNG, not {shown(shape)}.")
            yield Thing(label, box, mask, expressions)


def single_record(record: Record, number: int) -> Record:
    """The record of question and expression `number`; all other annotations are those of the first."""
    questions = record.questions[number : number + 1]
    expressed = [(place, text) for place, thing in enumerate(record.things) if thing.mask for text in thing.expressions]
    things = record.things
    if number < len(expressed):
        referred, text = expressed[number]
        things = tuple(
            replace(thing, expressions=(text,) if place == referred else ())
            for place, thing in enumerate(record.things)
            if place == referred or not number
        )
    if not number:
        return replace(record, questions=questions, things=things)
    things = things if number < len(expressed) else ()
    return Record(
        record.name,
        record.read_image,
        record.size,
        questions=questions,
        things=things,
        more_images=record.more_images,
        attributes=record.attributes,
    )


def count_annotations(entry: Entry, language: str) -> Counter[str]:
    """How much a line has of each annotation of `available_tasks.TASKS_OF`, as it is written: of a malformed one, any
    number. Expressions are those of things with masks; captions of a language are `captions.de` too.
    """
    found = Counter(
        questions=len(_listed(entry, "questions")),
        words=len(_listed(entry, "words")),
        things=len(things_of(entry)),
        labels=_count_texts(entry.get("labels")),
        attributes=isinstance(entry.get("attributes"), dict),
    )
    for name in ("caption", "captions"):
        value = entry.get(name)
        for code, texts in (value if isinstance(value, dict) else {language: value}).items():
            count = _count_texts(texts)
            found += Counter({"captions": count, f"captions.{code}": count})
    masked = [thing for thing in things_of(entry) if thing.get("mask") is not None]
    return found + Counter(masks=len(masked), expressions=sum(_count_texts(each.get("expressions")) for each in masked))


def things_of(entry: Entry) -> list[Entry]:
    """The things of a line, as they are written; of a malformed one, those that are mappings."""
    return [thing for thing in _listed(entry, "things") if isinstance(thing, dict)]


def _listed(entry: Entry, name: str) -> Sequence[object]:
    value = entry.get(name)
    return value if isinstance(value, list) else ()


def _count_texts(value: object) -> int:
    return sum(isinstance(text, str) and bool(text.strip()) for text in _as_list(value))


def unread_fields(entry: Entry) -> Iterator[str]:
    """The names of fields that are not read, those in lists as `things[].area`."""
    for name, known in FIELDS.items():
        listed = entry.get(name) if name else [entry]
        for inner in listed if isinstance(listed, list) else ():
            if isinstance(inner, dict):
                yield from (f"{name}[].{key}" if name else key for key in inner if key not in known)


def _check_names(entry: Entry, level: str, where: str) -> None:
    """Raise DataError for a field that is not read and looks like one that is, and that the entry lacks."""
    known = FIELDS[level]
    for name in entry:
        if name not in known and (meant := _meant(name, known)) and meant not in entry:
            raise DataError(f"{where}: unknown field '{name[:40]}'. Did you mean '{meant}'?")


@lru_cache(4096)
def _meant(name: str, known: tuple[str, ...]) -> str:
    """The known field that a name misspells; "" for other names, such as `question_id`."""
    if "_" in name or len(name) > 20:
        return ""
    close = get_close_matches(name.casefold(), known, n=1, cutoff=ALIKE)
    return close[0] if close and close[0][0] == name[0].casefold() else ""


def _attributes(entry: Entry, where: str) -> dict[str, str]:
    value = entry.get("attributes")
    known = [] if value is None else typed(value, dict, f"{where}: 'attributes'").items()
    return {name: typed(text, str, f"{where}: attributes: '{name}'") for name, text in known if text is not None}


def _words(entry: Entry, size: Size | None, where: str) -> Iterator[Word]:
    for number, word in enumerate(_list(entry, "words", where)):
        at = f"{where}: words[{number}]"
        if isinstance(word, str):
            yield Word(word)
        else:
            found = mapping(word, at)
            _check_names(found, "words", at)
            yield Word(field(found, "text", str, at), _box(found, size, at))


def _box(entry: Entry, size: Size | None, where: str) -> Box:
    assert size is not None, "record() reads it if there are boxes"
    return to_pixel_box(numbers(field(entry, "bbox", list, where), 4, f"{where}: 'bbox'"), size, where)


def _read_file(folder: AnyPath, name: str, size: Size, where: str) -> np.ndarray:
    """A bool mask `[H,W]` from a PNG. Raises DataError where it has not the size of its image."""
    try:
        mask = decode_mask(image_in(folder, name)(), f"{folder}/{name}")
    except DataError as error:
        raise DataError(f"{where}: {error}") from error
    if mask.shape != size:
        height, width = mask.shape
        raise DataError(f"{where}: {name} has {height}x{width} pixels (height x width), the image {size[0]}x{size[1]}")
    return mask


def _texts(value: object, what: str) -> tuple[str, ...]:
    """A text or a list of texts."""
    return tuple(typed(text, str, what) for text in _as_list(value))


def _as_list(value: object) -> Sequence[object]:
    return value if isinstance(value, list) else () if value is None else (value,)


def _list(entry: Entry, name: str, where: str) -> Sequence[object]:
    value = entry.get(name)
    return () if value is None else typed(value, list, f"{where}: '{name}'")
