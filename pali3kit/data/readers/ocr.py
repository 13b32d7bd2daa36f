"""Words in pictures: TextOCR, COCO-Text and HierText in their own files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from pali3kit.data.annotated import WORDS, AnnotatedSource
from pali3kit.data.fields import each, field, mapping, numbers, read_json
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.record import Record, Word
from pali3kit.data.task import Box
from pali3kit.errors import DataError
from pali3kit.registry import SOURCE

ILLEGIBLE = "."  # TextOCR's word for what nobody could read
Known = tuple[str, str, tuple[int, int], tuple[Word, ...]]  # id, file, size, words


class OcrReader(Files):
    """Pictures with legible words, in one of two layouts, told apart by their fields:

    - TextOCR and COCO-Text: `imgs: {id: {file_name, width, height, set}}`, `anns: {id: {image_id, bbox (x, y, width,
      height), utf8_string, legibility}}`. COCO-Text is one file for all: `split` chooses by `set`, which TextOCR's
      files have all the same. A word "." (TextOCR), or without a string (COCO-Text), is illegible.
    - HierText (`.jsonl.gz`, one JSON in spite of its name): `annotations[]: image_id, image_width, image_height,
      paragraphs[].lines[].words[]: text, legible, vertices`; the picture is `<image_id>.jpg`.
    """

    def __init__(self, path: str, images: str, split: str | None = None) -> None:
        super().__init__(existing(path))
        self.path, self.images, self.split = self.files[0], existing(images, "folder"), split

    @cached_property
    def pictures(self) -> list[Known]:
        content = mapping(read_json(self.path), str(self.path))
        known = self._hiertext(content) if "annotations" in content else self._textocr(content)
        pictures = [picture for picture in known if picture[3]]
        if not pictures:
            raise DataError(f"{self.path}: no picture with legible words" + (f" in {self.split}" if self.split else ""))
        return pictures

    def _textocr(self, content: Mapping[str, object]) -> Iterator[Known]:
        words: dict[str, list[Word]] = defaultdict(list)
        for at, entry in field(content, "anns", dict, str(self.path)).items():
            where = f"{self.path}: anns[{at}]"
            seen = mapping(entry, where)
            text = str(seen.get("utf8_string") or "").strip()
            if text and text != ILLEGIBLE and seen.get("legibility", "legible") == "legible":
                x, y, width, height = numbers(field(seen, "bbox", list, where), 4, f"{where}: 'bbox'")
                box = _whole(((x, y), (x + width, y + height)))
                words[str(field(seen, "image_id", object, where))].append(Word(text, box))
        for at, entry in field(content, "imgs", dict, str(self.path)).items():
            where = f"{self.path}: imgs[{at}]"
            image = mapping(entry, where)
            if self.split is None or field(image, "set", str, where) == self.split:
                size = (_side(image, "height", where), _side(image, "width", where))
                yield at, field(image, "file_name", str, where), size, tuple(words[at])

    def _hiertext(self, content: Mapping[str, object]) -> Iterator[Known]:
        for where, image in each(content, "annotations", str(self.path)):
            name = field(image, "image_id", str, where)
            size = (_side(image, "image_height", where), _side(image, "image_width", where))
            yield name, f"{name}.jpg", size, tuple(_hiertext_words(image, where))

    def __len__(self) -> int:
        return len(self.pictures)

    def record(self, number: int) -> Record:
        name, file, size, words = self.pictures[number]
        picture = picture_in(self.images, *dict.fromkeys((file, file.rpartition("/")[2])))
        return Record(f"{self.path}: picture {name}", picture, size, words=words)


def _hiertext_words(image: Mapping[str, object], where: str) -> Iterator[Word]:
    for above, paragraph in each(image, "paragraphs", where):
        for on, line in each(paragraph, "lines", above):
            for at, word in each(line, "words", on):
                text = field(word, "text", str, at).strip()
                if text and field(word, "legible", bool, at):
                    corners = field(word, "vertices", list, at)
                    yield Word(text, _whole([numbers(corner, 2, f"{at}: 'vertices'") for corner in corners]))


def _side(image: Mapping[str, object], name: str, where: str) -> int:
    """Pixels; TextOCR writes some of them as 1024.0."""
    return int(field(image, name, float, where))


def _whole(corners: Sequence[Sequence[float]]) -> Box:
    """The box of whole pixels around (x, y) points."""
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
