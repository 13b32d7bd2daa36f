"""Oxford-IIIT Pets (Parkhi et al. 2012): 37 breeds, `annotations/trainval.txt` and `test.txt`."""

from __future__ import annotations

from pathlib import Path

from pali3kit.data.sets.files import LabelledFiles, SplitFiles
from pali3kit.data.sets.layout import find_root, parse_number, read_columns, readable_name
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED

LISTS = {"train": "trainval.txt", "test": "test.txt"}
NUM_CLASSES = 37


@LABELLED.register("pets", "Oxford-IIIT Pets, images/ and annotations/", files=("path",))
class Pets(LabelledFiles):
    """The registry's `pets`: a line is `<Breed>_<number> <class from 1> <1 cat, 2 dog> <breed of its species>`.

    Args:
        path: the folder of `images/` and `annotations/`, or the one above it (`oxford-iiit-pet`).
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, ("oxford-iiit-pet",), "annotations")
        breeds: dict[int, str] = {}
        splits, labels = {}, {}
        for split, name in LISTS.items():
            listed = root / "annotations" / name
            names, labels[split] = _read(listed, breeds)
            splits[split] = SplitFiles(root / "images", names, listed)
        if missing := [number for number in range(1, max(breeds) + 1) if number not in breeds]:
            raise DataError(f"{root / 'annotations'}: neither list has an image of class {missing[0]}")
        super().__init__([breeds[number] for number in sorted(breeds)], splits, labels)


def _read(listed: Path, breeds: dict[int, str]) -> tuple[list[str], list[int]]:
    """File names and labels of a list. Adds the names of its classes to `breeds`, by class number."""
    names, labels = [], []
    for where, (image, number, *_) in read_columns(listed, "image class species breed"):
        label = parse_number(number, NUM_CLASSES, f"{where}: the class")
        breed = readable_name(image.rpartition("_")[0]).title()
        if not breed:
            raise DataError(f"{where}: an image should be called <breed>_<number>, not '{image[:40]}'")
        if breeds.setdefault(label, breed) != breed:
            raise DataError(f"{where}: class {label} is {breeds[label]}, not {breed}")
        names.append(f"{image}.jpg")
        labels.append(label - 1)
    if not names:
        raise DataError(f"{listed}: it is empty, but should have an image on each line")
    return names, labels
