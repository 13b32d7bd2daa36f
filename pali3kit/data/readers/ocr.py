"""Printed words in images: the annotation files of TextOCR, COCO-Text and HierText."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from pali3kit.data.annotated import WORDS, AnnotatedSource
from pali3kit.data.fields import each, field, mapping, numbers, read_json, typed
from pali3kit.data.reader import image_folder, image_in, require_path
from pali3kit.data.readers.coco import MAX_SIDE, TYPES, Id, by_id, coco_files, read_id, read_image_size, with_image
from pali3kit.data.readers.skipped import Located, SkippingFiles, require_any_valid, valid_or_raise
from pali3kit.data.record import Record, Word
from pali3kit.data.task import Box
from pali3kit.errors import DataError
from pali3kit.images.decode import Size
from pali3kit.registry import SOURCE

ILLEGIBLE = "."  # the text that TextOCR gives to an illegible word
MAX_COORDINATE = 10 * MAX_SIDE  # pixels


class _Entry(NamedTuple):
    """An image with its legible words; `file` is empty if the file is named after the image."""

    name: str
    file: str
    size: Size
    words: tuple[Word, ...]


class _OcrReader(SkippingFiles):
    """Images with legible words, in one of two layouts, recognized by their fields:

    - TextOCR and COCO-Text: `imgs: {id: {file_name, width, height, set}}`, `anns: {id: {image_id, bbox (x, y, width,
      height), utf8_string, legibility}}`. COCO-Text has all splits in one file: `split` selects by `set`, which
      TextOCR's files also have. A word "." (TextOCR), or without a string (COCO-Text), is illegible.
    - HierText (`.jsonl.gz`, one JSON object despite the name): `annotations[]: image_id, image_width, image_height,
      paragraphs[].lines[].words[]: text, legible, vertices`; the image is `<image_id>.jpg`.
    """

    languages = ()

    def __init__(self, path: str, images: str, split: str | None = None) -> None:
        super().__init__(require_path(path))
        self.path, self.image_folder, self.split = self.files[0], image_folder(images), split

    @cached_property
    def entries(self) -> list[_Entry | DataError]:
        """The images of the split that have legible words; a DataError in place of a malformed one."""
        content = mapping(read_json(self.path), str(self.path))
        read = self._hiertext(content) if "annotations" in content else self._textocr(content)
        entries = [entry for entry in read if isinstance(entry, DataError) or entry.words]
        where = f" in {self.split}" if self.split else ""
        return require_any_valid(entries, f"{self.path}: no image with legible words{where}")

    def _textocr(self, content: Mapping[str, object]) -> Iterator[_Entry | DataError]:
        images: dict[Id, tuple[str, Located]] = {}
        for key, located in self.skipped.mapping_items(content, "imgs", str(self.path)):
            number = read_id({"id": key}, "id", located[0])
            if number in images:
                raise DataError(f"{located[0]}: its id is already that of {images[number][1][0]}.")
            images[number] = key, located
        words: dict[Id, list[Located]] = defaultdict(list)
        entries = (located for _, located in self.skipped.mapping_items(content, "anns", str(self.path)))
        for number, located in with_image(self.skipped, entries, images):
            words[number].append(located)
        for number, (name, (where, image)) in images.items():
            try:
                if self.split is None or field(image, "set", str, where) == self.split:
                    size = read_image_size(image, where)
                    found = tuple(word for at, entry in words[number] if (word := _word(entry, at)) is not None)
                    yield _Entry(name, field(image, "file_name", str, where), size, found)
            except DataError as error:
                yield error

    def _hiertext(self, content: Mapping[str, object]) -> Iterator[_Entry | DataError]:
        for where, image in by_id(self.skipped, content, "annotations", str(self.path), "image_id").values():
            try:
                name = str(image["image_id"])
                size = read_image_size(image, where, "image_")
                yield _Entry(name, "", size, tuple(_hiertext_words(image, where)))
            except DataError as error:
                yield error

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        name, file, size, words = valid_or_raise(self.entries[number])
        files = coco_files(file) if file else [f"{name}{ending}" for ending in TYPES]
        return Record(f"{self.path}: image {name}", image_in(self.image_folder, *files), size, words=words)


def _word(annotation: Mapping[str, object], where: str) -> Word | None:
    """A word of TextOCR or COCO-Text; None if it is illegible."""
    value = annotation.get("utf8_string")
    text = "" if value is None else typed(value, str, f"{where}: 'utf8_string'").strip()
    if text in ("", ILLEGIBLE) or annotation.get("legibility", "legible") != "legible":
        return None
    x, y, width, height = numbers(field(annotation, "bbox", list, where), 4, f"{where}: 'bbox'")
    return Word(text, _enclosing_box(((x, y), (x + width, y + height)), f"{where}: 'bbox'"))


def _hiertext_words(image: Mapping[str, object], where: str) -> Iterator[Word]:
    for above, paragraph in each(image, "paragraphs", where):
        for on, line in each(paragraph, "lines", above):
            for at, word in each(line, "words", on):
                text = field(word, "text", str, at).strip()
                if text and field(word, "legible", bool, at):
                    what = f"{at}: 'vertices'"
                    corners = [numbers(corner, 2, what) for corner in field(word, "vertices", list, at)]
                    yield Word(text, _enclosing_box(corners, what))


def _enclosing_box(corners: Sequence[Sequence[float]], what: str) -> Box:
    """The smallest box of whole pixels around (x, y) points. Raises DataError if there are none or one is absurd."""
    if not corners or any(abs(x) > MAX_COORDINATE for corner in corners for x in corner):
        raise DataError(f"{what} should be points of an image, not {[*map(tuple, corners)]}.")
    across, down = [round(x) for x, _ in corners], [round(y) for _, y in corners]
    return min(down), min(across), max(down), max(across)


@SOURCE.register(
    "ocr",
    "words in images: TextOCR, COCO-Text, HierText",
    annotations=("words",),
    files=("path", "test"),
    folders=("images", "test_images"),
)
def _create(
    path: str,
    images: str,
    split: str | None = None,
    words: int = WORDS,
    test: str | None = None,
    test_images: str | None = None,
    test_split: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `ocr`: printed words; the task ocr asks for at most `words` of an image.

    For COCO-Text, `split` and `test_split` are `train` and `val`, and `test` is the same file as `path`.
    """
    held = _OcrReader(test, test_images or images, test_split) if test else None
    return AnnotatedSource(_OcrReader(path, images, split), held, words=words)
