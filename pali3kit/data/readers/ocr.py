"""Words in pictures: TextOCR, COCO-Text and HierText in their own files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import NamedTuple

from pali3kit.data.annotated import WORDS, AnnotatedSource
from pali3kit.data.fields import each, field, mapping, numbers, read_json, typed
from pali3kit.data.reader import existing, picture_in
from pali3kit.data.readers.coco import MOST_SIDE, TYPES, Id, by_id, coco_files, identity, on_pictures, side
from pali3kit.data.readers.left_out import LeavingOut, Located, good, usable
from pali3kit.data.record import Record, Word
from pali3kit.data.task import Box
from pali3kit.errors import DataError
from pali3kit.images.decode import Size
from pali3kit.registry import SOURCE

ILLEGIBLE = "."  # TextOCR's word for what nobody could read
FAR = 10 * MOST_SIDE  # pixels: no word is there


class _Known(NamedTuple):
    """A picture; its file where that is not called as it is."""

    name: str
    file: str
    size: Size
    words: tuple[Word, ...]


class OcrReader(LeavingOut):
    """Pictures with legible words, in one of two layouts, told apart by their fields:

    - TextOCR and COCO-Text: `imgs: {id: {file_name, width, height, set}}`, `anns: {id: {image_id, bbox (x, y, width,
      height), utf8_string, legibility}}`. COCO-Text is one file for all: `split` chooses by `set`, which TextOCR's
      files have all the same. A word "." (TextOCR), or without a string (COCO-Text), is illegible.
    - HierText (`.jsonl.gz`, one JSON in spite of its name): `annotations[]: image_id, image_width, image_height,
      paragraphs[].lines[].words[]: text, legible, vertices`; the picture is `<image_id>.jpg`.
    """

    languages = ()

    def __init__(self, path: str, images: str, split: str | None = None) -> None:
        super().__init__(existing(path))
        self.path, self.images, self.split = self.files[0], existing(images, "folder"), split

    @cached_property
    def pictures(self) -> list[_Known | DataError]:
        """The pictures of the split that have legible words, or what is wrong with one."""
        content = mapping(read_json(self.path), str(self.path))
        known = self._hiertext(content) if "annotations" in content else self._textocr(content)
        pictures = [picture for picture in known if isinstance(picture, DataError) or picture.words]
        where = f" in {self.split}" if self.split else ""
        return usable(pictures, f"{self.path}: no picture with legible words{where}")

    def _textocr(self, content: Mapping[str, object]) -> Iterator[_Known | DataError]:
        images: dict[Id, tuple[str, Located]] = {}
        for key, located in self.left.sound_items(content, "imgs", str(self.path)):
            number = identity({"id": key}, "id", located[0])
            if number in images:
                raise DataError(f"{located[0]}: its id is that of {images[number][1][0]} too.")
            images[number] = key, located
        words: dict[Id, list[Located]] = defaultdict(list)
        entries = (located for _, located in self.left.sound_items(content, "anns", str(self.path)))
        for number, located in on_pictures(self.left, entries, images):
            words[number].append(located)
        for number, (name, (where, image)) in images.items():
            try:
                if self.split is None or field(image, "set", str, where) == self.split:
                    size = (side(image, "height", where), side(image, "width", where))
                    found = tuple(word for at, seen in words[number] if (word := _word(seen, at)) is not None)
                    yield _Known(name, field(image, "file_name", str, where), size, found)
            except DataError as error:
                yield error

    def _hiertext(self, content: Mapping[str, object]) -> Iterator[_Known | DataError]:
        for where, image in by_id(self.left, content, "annotations", str(self.path), "image_id").values():
            try:
                name = str(image["image_id"])
                size = (side(image, "image_height", where), side(image, "image_width", where))
                yield _Known(name, "", size, tuple(_hiertext_words(image, where)))
            except DataError as error:
                yield error

    def __len__(self) -> int:
        return len(self.pictures)

    def record(self, number: int) -> Record:
        name, file, size, words = good(self.pictures[number])
        files = coco_files(file) if file else [f"{name}{ending}" for ending in TYPES]
        return Record(f"{self.path}: picture {name}", picture_in(self.images, *files), size, words=words)


def _word(seen: Mapping[str, object], where: str) -> Word | None:
    """A word of TextOCR or COCO-Text; None for one that nobody could read."""
    said = seen.get("utf8_string")
    text = "" if said is None else typed(said, str, f"{where}: 'utf8_string'").strip()
    if text in ("", ILLEGIBLE) or seen.get("legibility", "legible") != "legible":
        return None
    x, y, width, height = numbers(field(seen, "bbox", list, where), 4, f"{where}: 'bbox'")
    return Word(text, _whole(((x, y), (x + width, y + height)), f"{where}: 'bbox'"))


def _hiertext_words(image: Mapping[str, object], where: str) -> Iterator[Word]:
    for above, paragraph in each(image, "paragraphs", where):
        for on, line in each(paragraph, "lines", above):
            for at, word in each(line, "words", on):
                text = field(word, "text", str, at).strip()
                if text and field(word, "legible", bool, at):
                    what = f"{at}: 'vertices'"
                    corners = [numbers(corner, 2, what) for corner in field(word, "vertices", list, at)]
                    yield Word(text, _whole(corners, what))


def _whole(corners: Sequence[Sequence[float]], what: str) -> Box:
    """The box of whole pixels around (x, y) points. Raises DataError where there are none, or one lies nowhere."""
    if not corners or any(abs(x) > FAR for corner in corners for x in corner):
        raise DataError(f"{what} should be points of a picture, not {[*map(tuple, corners)]}.")
    across, down = [round(x) for x, _ in corners], [round(y) for _, y in corners]
    return min(down), min(across), max(down), max(across)


@SOURCE.register(
    "ocr",
    "words in pictures: TextOCR, COCO-Text, HierText",
    tells=("words",),
    files=("path", "test"),
    folders=("images", "test_images"),
)
def create(
    path: str,
    images: str,
    split: str | None = None,
    words: int = WORDS,
    test: str | None = None,
    test_images: str | None = None,
    test_split: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `ocr`; at most `words` printed words are asked for.

    Of COCO-Text, `split` and `test_split` are `train` and `val`, and `test` the same file.
    """
    held = OcrReader(test, test_images or images, test_split) if test else None
    return AnnotatedSource(OcrReader(path, images, split), held, words=words)
