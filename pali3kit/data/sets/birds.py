"""Caltech-UCSD Birds-200-2011 (Wah et al. 2011): 200 species; its annotations are tables in text files."""

from __future__ import annotations

from pathlib import Path

from pali3kit.data.sets.files import LabelledFiles, SplitFiles
from pali3kit.data.sets.layout import find_root, parse_number, read_columns, readable_name
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED


@LABELLED.register("birds", "Caltech-UCSD Birds, CUB_200_2011", files=("path",))
class Birds(LabelledFiles):
    """The registry's `birds`: `images.txt`, `classes.txt`, `image_class_labels.txt` and `train_test_split.txt`.

    Each line has the number of an image (or class) and its file (name, class, 1 for train or 0 for test).

    Args:
        path: the folder of those files and of `images/`, or the one above it (`CUB_200_2011`).
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, ("CUB_200_2011",), "images.txt")
        files = _table(root / "images.txt", "image file")
        classes = _table(root / "classes.txt", "class name")
        class_of = _table(root / "image_class_labels.txt", "image class")
        in_train = _table(root / "train_test_split.txt", "image train")
        names: dict[str, list[str]] = {"train": [], "test": []}
        labels: dict[str, list[int]] = {"train": [], "test": []}
        for number, (_, name) in files.items():
            where, word = _row(class_of, number, root / "image_class_labels.txt")
            label = parse_number(word, len(classes), f"{where}: the class")
            split = _split(*_row(in_train, number, root / "train_test_split.txt"))
            names[split].append(name)
            labels[split].append(label - 1)
        species = [_row(classes, str(number), root / "classes.txt")[1] for number in range(1, len(classes) + 1)]
        splits = {split: SplitFiles(root / "images", found, root / "images.txt") for split, found in names.items()}
        super().__init__([readable_name(name.partition(".")[2] or name) for name in species], splits, labels)


Rows = dict[str, tuple[str, str]]


def _table(path: Path, columns: str) -> Rows:
    """The place and the second word of each line, by its first word, which is a number.

    Raises:
        DataError: the file is empty, or has a number twice.
    """
    found: Rows = {}
    for where, (number, word) in read_columns(path, columns):
        if number in found:
            raise DataError(f"{where}: number {number} already occurs in {found[number][0]}")
        found[number] = where, word
    if not found:
        raise DataError(f"{path}: it is empty, but each line should be '{columns}'")
    return found


def _row(rows: Rows, number: str, path: Path) -> tuple[str, str]:
    """The row of a number. Raises DataError if there is none."""
    if number not in rows:
        raise DataError(f"{path}: no line for number {number}")
    return rows[number]


def _split(where: str, word: str) -> str:
    if word not in ("0", "1"):
        raise DataError(f"{where}: should be 1 (train) or 0 (test), not '{word[:40]}'")
    return "train" if word == "1" else "test"
