"""What COCO's files and those about its pictures have in common: ids, sizes, names of pictures."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping

from pali3kit.data.fields import field, shown
from pali3kit.data.folder import PICTURES
from pali3kit.data.readers.left_out import LeftOut, Located
from pali3kit.errors import DataError
from pali3kit.images.decode import Size

Id = int | str

YEARS = ("train2014", "val2014", "test2015", "test2014")  # whose names begin with COCO_; a number is one picture in all
MOST_SIDE = 1_000_000
_NUMBERED = re.compile(r"(?:COCO_[a-z]+\d{4}_)?(\d{12}\.\w+)", re.ASCII)
_TYPES = (".jpg", *sorted(PICTURES - {".jpg"}))
TYPES = (*_TYPES, *map(str.upper, _TYPES))


def identity(entry: Mapping[str, object], name: str, where: str) -> Id:
    """An id: 7, however it is written (7.0, "7"), or a name."""
    value = field(entry, name, object, where)
    if isinstance(value, str) and value.strip():
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else value
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1 << 63 and value == int(value):
        return int(value)
    raise DataError(f"{where}: '{name}' should be a whole number or a name, not {shown(value)}.")


def by_id(left: LeftOut, record: Mapping[str, object], name: str, where: str, key: str = "id") -> dict[Id, Located]:
    """The entries of a list by their ids; one without an id is left out.

    Raises:
        DataError: two have one id. What is said of it may be of either.
    """
    found: dict[Id, Located] = {}
    for at, entry in left.sound(record, name, where):
        try:
            number = identity(entry, key, at)
        except DataError as error:
            left.fault(error)
            continue
        if number in found:
            raise DataError(f"{at}: '{key}' {number} is that of {found[number][0]} too.")
        found[number] = at, entry
    return found


def on_pictures(left: LeftOut, entries: Iterable[Located], pictures: Container[Id]) -> Iterator[tuple[Id, Located]]:
    """Entries, each with the picture that it is on; one that is on none of the file's is left out."""
    for where, entry in entries:
        try:
            picture = identity(entry, "image_id", where)
            if picture not in pictures:
                raise DataError(f"{where}: 'image_id' {picture} is no picture of the file.")
        except DataError as error:
            left.fault(error)
            continue
        yield picture, (where, entry)


def side(image: Mapping[str, object], name: str, where: str) -> int:
    """A side of a picture in pixels. TextOCR writes some of them as 1024.0."""
    value = field(image, name, float, where)
    if not 1 <= value <= MOST_SIDE or value != int(value):
        raise DataError(f"{where}: '{name}' should be a whole number from 1 to {MOST_SIDE}, not {shown(value)}.")
    return int(value)


def size_of(image: Mapping[str, object], where: str) -> Size:
    """(height, width) of COCO's `images[]`."""
    return side(image, "height", where), side(image, "width", where)


def coco_files(file: str) -> tuple[str, ...]:
    """Where a picture may lie: as it is called, without its folder, or, of COCO's, as files of another year are called.

    `COCO_train2014_000000000007.jpg` and `000000000007.jpg` are one picture.
    """
    folder, slash, name = file.rpartition("/")
    names = [file, name]
    if numbered := _NUMBERED.fullmatch(name):
        plain = numbered[1]
        names += [plain, f"{folder}{slash}{plain}", *(f"COCO_{year}_{plain}" for year in YEARS)]
    return tuple(dict.fromkeys(names))
