"""Stanford Cars (Krause et al. 2013): 196 makes, models and years."""

from __future__ import annotations

from pathlib import Path

from pali3kit.data.sets.files import LabelledFiles, SplitFiles
from pali3kit.data.sets.layout import find_root
from pali3kit.data.sets.mat import read_mat, read_structs, read_whole_number
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED

TEST = "cars_test_annos_withlabels.mat"  # published separately: the file in the development kit has no labels


@LABELLED.register("cars", "Stanford Cars, cars_train/, cars_test/ and devkit/", files=("path",))
class Cars(LabelledFiles):
    """The registry's `cars`: `devkit/cars_meta.mat`, `devkit/cars_train_annos.mat`, and the test set's labels.

    Args:
        path: the folder of `cars_train/`, `cars_test/`, `devkit/` and `cars_test_annos_withlabels.mat` (or that
            in `devkit/`), or the one above it (`stanford_cars`).
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, ("stanford_cars",), "devkit")
        kit = root / "devkit"
        classes = [str(name) for name in read_mat(kit / "cars_meta.mat", "class_names")]
        lists = {"train": kit / "cars_train_annos.mat", "test": root / TEST if (root / TEST).exists() else kit / TEST}
        splits, labels = {}, {}
        for split, listed in lists.items():
            names, labels[split] = _read(listed, len(classes))
            splits[split] = SplitFiles(root / f"cars_{split}", names, listed)
        super().__init__(classes, splits, labels)


def _read(listed: Path, classes: int) -> tuple[list[str], list[int]]:
    """File names and labels from 0; the file counts classes from 1."""
    names, labels = [], []
    for where, (name, number) in read_structs(listed, "annotations", "fname", "class"):
        label = read_whole_number(number, f"{where}: 'class'")
        if not 1 <= label <= classes:
            raise DataError(f"{where}: 'class' should be from 1 to {classes}, not {label}")
        names.append(str(name))
        labels.append(label - 1)
    return names, labels
