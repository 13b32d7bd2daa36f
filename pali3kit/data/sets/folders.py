"""Your own labelled images: a folder for each class, in a folder for each split."""

from __future__ import annotations

from pali3kit.data.sets.files import LabelledFiles, SplitFiles
from pali3kit.data.sets.layout import class_folders, find_root, labelled_images, readable_name
from pali3kit.registry import LABELLED

SPLITS = ("train", "test", "v2")


@LABELLED.register("folders", "your own: train/<class>/ and test/<class>/, optionally v2/<class>/", files=("path",))
class Folders(LabelledFiles):
    """The registry's `folders`: `train/<class>/`, `test/<class>/` and optionally `v2/<class>/`.

    Classes are those of the first of these splits that exists.

    Args:
        path: the folder of `train/` and `test/`.
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, (), "train", "test")
        there = [split for split in SPLITS if (root / split).exists()]
        classes = class_folders(root / there[0])
        splits, labels = {}, {}
        for split in there:
            names, labels[split] = labelled_images(root / split, classes, root / there[0])
            splits[split] = SplitFiles(root / split, names, root / split)
        super().__init__([readable_name(name) for name in classes], splits, labels)
