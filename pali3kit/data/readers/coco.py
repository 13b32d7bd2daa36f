"""What COCO's annotation files, and others about its images, have in common: ids, image sizes, file names."""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Iterator, Mapping

from pali3kit.data.fields import field, shown
from pali3kit.data.folder import IMAGES
from pali3kit.data.readers.skipped import Located, SkippedEntries
from pali3kit.errors import DataError
from pali3kit.images.decode import Size

Id = int | str

YEARS = (
    "train2014",
    "val2014",
    "test2015",
    "test2014",
)  # COCO_<year>_<number>: a number means the same image in all
MAX_SIDE = 1_000_000  # pixels
_NUMBERED = re.compile(r"(?:COCO_[a-z]+\d{4}_)?(\d{12}\.\w+)", re.ASCII)
_TYPES = (".jpg", *sorted(IMAGES - {".jpg"}))
TYPES = (*_TYPES, *map(str.upper, _TYPES))


def read_id(entry: Mapping[str, object], name: str, where: str) -> Id:
    """Return an id: an integer, which may be written as 7, 7.0 or "7", or a name."""
    value = field(entry, name, object, where)
    if isinstance(value, str) and value.strip():
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 63 and value == int(value):
        return int(value)
    raise DataError(f"{where}: '{name}' should be a whole number or a name, not {shown(value)}.")


def by_id(
    skipped: SkippedEntries, record: Mapping[str, object], name: str, where: str, key: str = "id"
) -> dict[Id, Located]:
    """Index the entries of a list by their ids; one without an id is skipped.

    Raises:
        DataError: two entries have the same id, so that references to it are ambiguous.
    """
    found: dict[Id, Located] = {}
    for at, entry in skipped.mappings(record, name, where):
        try:
            number = read_id(entry, key, at)
        except DataError as error:
            skipped.add_error(error)
            continue
        if number in found:
            raise DataError(f"{at}: '{key}' {number} is already that of {found[number][0]}.")
        found[number] = at, entry
    return found


def with_image(
    skipped: SkippedEntries, entries: Iterable[Located], known: Container[Id]
) -> Iterator[tuple[Id, Located]]:
    """Yield each entry with its image's id; an entry whose image is not in the file is skipped."""
    for where, entry in entries:
        try:
            image = read_id(entry, "image_id", where)
            if image not in known:
                raise DataError(f"{where}: 'image_id' {image} is no image of the file.")
        except DataError as error:
            skipped.add_error(error)
            continue
        yield image, (where, entry)


def read_image_size(entry: Mapping[str, object], where: str, prefix: str = "") -> Size:
    """(height, width) in pixels from the fields of these names, which may have a prefix."""
    return _read_side(entry, f"{prefix}height", where), _read_side(entry, f"{prefix}width", where)


def _read_side(entry: Mapping[str, object], name: str, where: str) -> int:
    value = field(entry, name, float, where)  # TextOCR writes some of them as 1024.0
    if not 1 <= value <= MAX_SIDE or value != int(value):
        raise DataError(f"{where}: '{name}' should be a whole number from 1 to {MAX_SIDE}, not {shown(value)}.")
    return int(value)


def coco_files(file: str) -> tuple[str, ...]:
    """Paths at which an image may lie: as named, without its folder and, for COCO, under the name of another release.

    `COCO_train2014_000000000007.jpg` and `000000000007.jpg` are the same image.
    """
    folder, slash, name = file.rpartition("/")
    names = [file, name]
    if numbered := _NUMBERED.fullmatch(name):
        plain = numbered[1]
        names += [plain, f"{folder}{slash}{plain}", *(f"COCO_{year}_{plain}" for year in YEARS)]
    return tuple(dict.fromkeys(names))


def named_files(name: str) -> Iterator[str]:
    """Paths at which an image may lie that is named with an extension, or without: then with each one."""
    endings = ("",) if os.path.splitext(name)[1].lower() in IMAGES else TYPES
    for ending in endings:
        yield from coco_files(f"{name}{ending}")
