"""Words that an OCR system read in the images of a set, as they are published with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath

from pali3kit.config.paths import protocol
from pali3kit.data.fields import each, field, mapping, numbers, read_json
from pali3kit.data.lines import find_files
from pali3kit.data.reader import require_path
from pali3kit.data.readers.skipped import valid_or_raise
from pali3kit.data.record import Word
from pali3kit.data.task import Box
from pali3kit.errors import DataError
from pali3kit.storage.cache import place_of_copy
from pali3kit.storage.paths import inside
from pali3kit.storage.patterns import is_file_url
from pali3kit.storage.remote import RemotePath

_SCALE = 10_000  # boxes relative to the image are kept as whole numbers: only their places matter here
_LARGEST = 1_000_000  # coordinates beyond which a box is absurd


class PublishedOcr:
    """The words of each image, in one of three layouts, recognized by their fields:

    - Rosetta's, of TextVQA and TextCaps, one file: `data[]: image_id, ocr_info[]: word, bounding_box` (`top_left_x`,
      `top_left_y`, `width`, `height` relative to the image), or `ocr_tokens[]` where there is no `ocr_info`.
    - Microsoft's, of DocVQA, a file of each page: `recognitionResults[].lines[].words[]: text, boundingBox` (four
      corners).
    - Textract's, of InfographicVQA, a file of each image: `WORD[]: Text, Geometry.BoundingBox` (`Left`, `Top`, `Width`,
      `Height` relative to the image).

    In a folder, the file of an image is named after the image: `abcd0001_1.json` of `documents/abcd0001_1.png`. The
    last two layouts were not seen: they are those that others describe.

    Args:
        path: the file, or the folder of files.

    Raises:
        DataError: there is no such file or folder.
    """

    version = 1

    def __init__(self, path: str) -> None:
        if protocol(path):
            self.folder = None if is_file_url(path) else place_of_copy(RemotePath(path))
        else:
            self.folder = require_path(path, "folder") if Path(path).expanduser().is_dir() else None
        self.files: Sequence[Path] = find_files(path, ".json") if self.folder else [require_path(path)]

    def words(self, names: Sequence[str]) -> tuple[Word, ...]:
        """The words of an image that has one of these names, in the order of the file; none where it is in no file.

        Raises DataError, which names file, record and field, where they are malformed.
        """
        if self.folder is None:
            known = valid_or_raise(self._by_image)
            return valid_or_raise(next((known[name] for name in names if name in known), ()))
        stems = dict.fromkeys(PurePosixPath(name).stem for name in names)
        for file in (inside(self.folder, f"{stem}.json") for stem in stems):
            if _is_file(file):
                return tuple(_words_of_page(mapping(read_json(file), str(file)), str(file)))
        return ()

    @cached_property
    def _by_image(self) -> dict[str, tuple[Word, ...] | DataError] | DataError:
        where = str(self.files[0])
        try:
            entries = each(mapping(read_json(self.files[0]), where), "data", where)
            return {field(entry, "image_id", str, at): _words_or_error(entry, at) for at, entry in entries}
        except DataError as error:  # kept: the file is large, and every image asks for it
            return error


def _is_file(file: Path) -> bool:
    try:
        return file.is_file()
    except OSError as error:  # such as a name too long
        raise DataError(f"{file}: {error.strerror}") from error


def _words_or_error(entry: Mapping[str, object], where: str) -> tuple[Word, ...] | DataError:
    try:
        return tuple(_rosetta(entry, where))
    except DataError as error:
        return error


def _rosetta(entry: Mapping[str, object], where: str) -> Iterator[Word]:
    if "ocr_info" not in entry:
        for number, text in enumerate(field(entry, "ocr_tokens", list, where)):
            yield _word({"word": text}, "word", f"{where}: ocr_tokens[{number}]", None)
        return
    for at, info in each(entry, "ocr_info", where):
        box = field(info, "bounding_box", dict, at)
        yield _word(info, "word", at, _relative(box, ("top_left_x", "top_left_y", "width", "height"), at))


def _words_of_page(content: Mapping[str, object], where: str) -> Iterator[Word]:
    if "recognitionResults" in content:
        for page, result in each(content, "recognitionResults", where):
            for on, line in each(result, "lines", page):
                for at, word in each(line, "words", on):
                    corners = numbers(field(word, "boundingBox", list, at), 8, f"{at}: 'boundingBox'")
                    yield _word(word, "text", at, _around(corners[::2], corners[1::2], f"{at}: 'boundingBox'"))
    elif "WORD" in content:
        for at, word in each(content, "WORD", where):
            box = field(field(word, "Geometry", dict, at), "BoundingBox", dict, f"{at}: Geometry")
            yield _word(word, "Text", at, _relative(box, ("Left", "Top", "Width", "Height"), at))
    else:
        found = ", ".join(map(str, content)) or "none"
        raise DataError(f"{where}: no field 'recognitionResults' or 'WORD' among its fields: {found}.")


def _word(entry: Mapping[str, object], name: str, where: str, box: Box | None) -> Word:
    return Word(field(entry, name, str, where), box)


def _relative(box: Mapping[str, object], names: tuple[str, ...], where: str) -> Box:
    """A box in ten thousandths of the image, from the names of left, top, width and height."""
    left, top, width, height = (_SCALE * field(box, name, float, f"{where}: its box") for name in names)
    return _around((left, left + width), (top, top + height), f"{where}: its box")


def _around(across: Sequence[float], down: Sequence[float], what: str) -> Box:
    if any(abs(value) > _LARGEST for value in (*across, *down)):
        raise DataError(f"{what} should be in an image, not at {[*across, *down]}.")
    return round(min(down)), round(min(across)), round(max(down)), round(max(across))
