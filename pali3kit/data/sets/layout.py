"""What published layouts are made of: a folder of a known name, lists in text files, a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pali3kit.data.folder import PICTURES
from pali3kit.data.reader import existing
from pali3kit.data.visible import hidden, walk
from pali3kit.errors import DataError
from pali3kit.text.plain import one_line, read_text, split_lines


def find_root(path: str, inner: Sequence[str], *has: str) -> Path:
    """`path`, or the first of the folders `inner` below it, that has one of the entries `has`.

    Raises:
        DataError: no folder, or none with such an entry.
    """
    root = existing(path, "folder")
    places = [root, *(root / name for name in inner)]
    for place in places:
        if any((place / entry).exists() for entry in has):
            return place
    raise DataError(f"{root}: {' or '.join(has)} is expected {' or '.join(['in it', *(f'in its {i}' for i in inner)])}")


def find_file(path: str, name: str) -> Path:
    """The file `path`, or the one called `name` in the folder `path`. Raises DataError where it is not there."""
    found = Path(path).expanduser()
    return existing(str(found / name if found.is_dir() else found))


def lines_of(path: Path) -> Iterator[tuple[str, str]]:
    """The lines of a text file that are not blank, each with its `file:line`. Raises DataError for a missing one."""
    try:
        text = read_text(path)
    except DataError as error:
        raise DataError(f"{error}; it is part of this layout") from error
    for number, line in enumerate(split_lines(text), start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def rows_of(path: Path, columns: str) -> Iterator[tuple[str, list[str]]]:
    """The words of each line, one for each word of `columns`. Raises DataError for a line with more or fewer."""
    for where, line in lines_of(path):
        words = line.split()
        if len(words) != len(columns.split()):
            raise DataError(f"{where}: expected '{columns}', not '{line[:60]}'")
        yield where, words


def whole(word: str, most: int, what: str) -> int:
    """A number from 1 to `most`. Raises DataError, `what` being the place and the name of it."""
    if not (word.isascii() and word.isdigit() and len(word) < 19 and 1 <= int(word) <= most):
        raise DataError(f"{what} should be a number from 1 to {most}, not '{word[:40]}'")
    return int(word)


def has_folders(folder: Path) -> bool:
    """Whether there is such a folder, with folders in it."""
    return folder.is_dir() and bool(_folders(folder))


def class_folders(folder: Path) -> list[str]:
    """The names of the folders in a folder, sorted. Raises DataError where it has none."""
    try:
        found = _folders(folder)
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}; expected is a folder with one for each class") from error
    if not found:
        raise DataError(f"{folder}: expected is a folder for each class, and there is none")
    return found


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir() and not hidden(entry.name))


def pictures_in(root: Path, folder: str) -> list[str]:
    """The visible pictures in `root/folder` and below, sorted by folder and name, as paths relative to `root`."""
    top = len(os.path.join(root, ""))
    found = sorted((place[top:], names) for place, names in walk(root / folder))
    return [
        os.path.join(place, name)
        for place, names in found
        for name in names
        if os.path.splitext(name)[1].lower() in PICTURES
    ]


def in_classes(root: Path, folders: Sequence[str]) -> tuple[list[str], list[int]]:
    """Pictures below `root` by class, and the number of its folder for each. Raises DataError where there are none."""
    names: list[str] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        found = pictures_in(root, folder)
        names += found
        labels += [label] * len(found)
    if not names:
        raise DataError(f"{root}: no pictures in its folders: names should end with {', '.join(sorted(PICTURES))}")
    return names, labels


def without_pictures(classes: Sequence[str], labels: Sequence[int]) -> str | None:
    """The first class that none of the pictures is of, if there is one."""
    empty = set(range(len(classes))).difference(labels)
    return classes[min(empty)] if empty else None


def spoken(name: str) -> str:
    """A folder's name as a person says it."""
    return one_line(name.replace("_", " "))
