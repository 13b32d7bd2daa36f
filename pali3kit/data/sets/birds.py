"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011): 200 species, tables of numbers in text files."""

from __future__ import annotations

from pathlib import Path

from pali3kit.data.sets.files import LabelledFiles, Pictures
from pali3kit.data.sets.layout import find_root, rows_of, spoken, whole
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED


@LABELLED.register("birds", "Caltech-UCSD Birds, CUB_200_2011", files=("path",))
class Birds(LabelledFiles):
    """The registry's `birds`: `images.txt`, `classes.txt`, `image_class_labels.txt` and `train_test_split.txt`.

    On each line is the number of a picture (or class) and its file (name, class, 1 for train and 0 for test).

    Args:
        path: the folder of those files and of `images/`, or the one above it (`CUB_200_2011`).
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, ("CUB_200_2011",), "images.txt")
        files = _table(root / "images.txt", "picture file")
        classes = _table(root / "classes.txt", "class name")
        of = _table(root / "image_class_labels.txt", "picture class")
        trains = _table(root / "train_test_split.txt", "picture train")
        names: dict[str, list[str]] = {"train": [], "test": []}
        labels: dict[str, list[int]] = {"train": [], "test": []}
        for number, (_, name) in files.items():
            where, word = _row(of, number, root / "image_class_labels.txt")
            label = whole(word, len(classes), f"{where}: the class")
            split = _split(*_row(trains, number, root / "train_test_split.txt"))
            names[split].append(name)
            labels[split].append(label - 1)
        species = [_row(classes, str(number), root / "classes.txt")[1] for number in range(1, len(classes) + 1)]
        splits = {split: Pictures(root / "images", found, root / "images.txt") for split, found in names.items()}
        super().__init__([spoken(name.partition(".")[2] or name) for name in species], splits, labels)


Rows = dict[str, tuple[str, str]]


def _table(path: Path, columns: str) -> Rows:
    """The place and the second word of each line by its first, which is a number.

    Raises:
        DataError: it is empty, or has a number twice.
    """
    found: Rows = {}
    for where, (number, word) in rows_of(path, columns):
        if number in found:
            raise DataError(f"{where}: number {number} stands in {found[number][0]} too")
        found[number] = where, word
    if not found:
        raise DataError(f"{path}: it is empty; expected is '{columns}' on each line")
    return found


def _row(rows: Rows, number: str, path: Path) -> tuple[str, str]:
    """The row of a number. Raises DataError where there is none."""
    if number not in rows:
        raise DataError(f"{path}: no line for number {number}")
    return rows[number]


def _split(where: str, word: str) -> str:
    if word not in ("0", "1"):
        raise DataError(f"{where}: should be 1 (train) or 0 (test), not '{word[:40]}'")
    return "train" if word == "1" else "test"
