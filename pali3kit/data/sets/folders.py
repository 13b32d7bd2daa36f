"""Pictures of your own: a folder for each class, in a folder for each split."""

from __future__ import annotations

from pathlib import Path

from pali3kit.data.sets.files import LabelledFiles, Pictures
from pali3kit.data.sets.layout import class_folders, find_root, in_classes, spoken, without_pictures
from pali3kit.errors import DataError, choose
from pali3kit.registry import LABELLED

SPLITS = ("train", "test", "v2")


@LABELLED.register("folders", "your own: train/<class>/ and test/<class>/, perhaps v2/<class>/", files=("path",))
class Folders(LabelledFiles):
    """The registry's `folders`: `train/<class>/`, `test/<class>/` and perhaps `v2/<class>/`, whose classes are train's.

    Without `train/`, classes are those of the first split that there is.

    Args:
        path: the folder of `train/` and `test/`.
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, (), "train", "test")
        there = [split for split in SPLITS if (root / split).exists()]
        classes = class_folders(root / there[0])
        splits, labels = {}, {}
        for split in there:
            names, labels[split] = labelled_pictures(root / split, classes, root / there[0])
            splits[split] = Pictures(root / split, names, root / split)
        super().__init__([spoken(name) for name in classes], splits, labels)


def labelled_pictures(folder: Path, classes: list[str], known: Path) -> tuple[list[str], list[int]]:
    """The pictures of a split and their labels. Raises DataError for a class that is not among those `known` has."""
    for name in class_folders(folder):
        if name not in classes:
            raise DataError(f"{folder / name}: {known} has no such class.{choose(name, classes[:20])}")
    names, labels = in_classes(folder, classes)
    if folder == known and (empty := without_pictures(classes, labels)):
        raise DataError(f"{folder / empty}: there is no picture of this class")
    return names, labels
