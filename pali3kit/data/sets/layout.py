"""Building blocks of published layouts: a known root folder, lists in text files, a folder for each class."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pali3kit.data.folder import IMAGES
from pali3kit.data.reader import require_path
from pali3kit.data.visible import walk
from pali3kit.errors import DataError, choose
from pali3kit.storage.paths import hidden
from pali3kit.text.plain import one_line, read_text, split_lines


def find_root(path: str, inner: Sequence[str], *has: str) -> Path:
    """Return `path`, or the first of its subfolders `inner`, that contains one of the entries `has`.

    Raises:
        DataError: `path` is not a folder, or none of these contains such an entry.
    """
    root = require_path(path, "folder")
    places = [root, *(root / name for name in inner)]
    for place in places:
        if any((place / entry).exists() for entry in has):
            return place
    searched = " or ".join(["in it", *(f"in its {folder}" for folder in inner)])
    raise DataError(f"{root}: {' or '.join(has)} not found {searched}")


def find_file(path: str, name: str) -> Path:
    """The file `path`, or the file `name` in the folder `path`. Raises DataError if it does not exist."""
    found = Path(path).expanduser()
    return require_path(str(found / name if found.is_dir() else found))


def read_nonblank_lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the non-blank lines of a text file, each with its `file:line`. Raises DataError for a missing file."""
    try:
        text = read_text(path)
    except DataError as error:
        raise DataError(f"{error}; this layout requires it") from error
    for number, line in enumerate(split_lines(text), start=1):
        if line.strip():
            yield f"{path}:{number}", line.strip()


def read_columns(path: Path, columns: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the words of each line. Raises DataError for a line that has not as many words as `columns`."""
    for where, line in read_nonblank_lines(path):
        words = line.split()
        if len(words) != len(columns.split()):
            raise DataError(f"{where}: expected '{columns}', not '{line[:60]}'")
        yield where, words


def parse_number(word: str, most: int, what: str) -> int:
    """Parse a number from 1 to `most`. Raises DataError beginning with `what`, its place and name."""
    if not (word.isascii() and word.isdigit() and len(word) < 19 and 1 <= int(word) <= most):
        raise DataError(f"{what} should be a number from 1 to {most}, not '{word[:40]}'")
    return int(word)


def class_folders(folder: Path) -> list[str]:
    """The names of the subfolders, sorted. Raises DataError if there are none."""
    try:
        with os.scandir(folder) as entries:
            found = sorted(entry.name for entry in entries if entry.is_dir() and not hidden(entry.name))
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}; it should have a subfolder for each class") from error
    if not found:
        raise DataError(f"{folder}: it should have a subfolder for each class, but has none")
    return found


def _images_in(root: Path, folder: str) -> list[str]:
    """The visible images in `root/folder` and below, sorted by folder and name, as paths relative to `root`."""
    top = len(os.path.join(root, ""))
    found = sorted((place[top:], names) for place, names in walk(root / folder))
    return [
        os.path.join(place, name)
        for place, names in found
        for name in names
        if os.path.splitext(name)[1].lower() in IMAGES
    ]


def images_by_class(root: Path, folders: Sequence[str]) -> tuple[list[str], list[int]]:
    """Images below `root` and the label of each, the index of its folder. Raises DataError if there are none."""
    names: list[str] = []
    labels: list[int] = []
    for label, folder in enumerate(folders):
        found = _images_in(root, folder)
        names += found
        labels += [label] * len(found)
    if not names:
        raise DataError(f"{root}: no images in its folders: names should end with {', '.join(sorted(IMAGES))}")
    return names, labels


def first_empty_class(classes: Sequence[str], labels: Sequence[int]) -> str | None:
    """The first class without an image, or None."""
    empty = set(range(len(classes))).difference(labels)
    return classes[min(empty)] if empty else None


def readable_name(name: str) -> str:
    """The class name that a folder's name stands for: "street_sign" is "street sign"."""
    return one_line(name.replace("_", " "))


def labelled_images(folder: Path, classes: list[str], known: Path) -> tuple[list[str], list[int]]:
    """The images of a split and their labels. Raises DataError for a class that the folder `known` does not have."""
    for name in class_folders(folder):
        if name not in classes:
            raise DataError(f"{folder / name}: {known} has no such class.{choose(name, classes[:20])}")
    names, labels = images_by_class(folder, classes)
    if folder == known and (empty := first_empty_class(classes, labels)):
        raise DataError(f"{folder / empty}: there is no image of this class")
    return names, labels
