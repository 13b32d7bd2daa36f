"""Oxford-IIIT Pets (Parkhi et al. 2012): 37 breeds, `annotations/trainval.txt` and `test.txt`."""

from __future__ import annotations

from pathlib import Path

from pali3kit.data.sets.files import LabelledFiles, Pictures
from pali3kit.data.sets.layout import find_root, rows_of, spoken, whole
from pali3kit.errors import DataError
from pali3kit.registry import LABELLED

LISTS = {"train": "trainval.txt", "test": "test.txt"}
MOST = 37


@LABELLED.register("pets", "Oxford-IIIT Pets, images/ and annotations/", files=("path",))
class Pets(LabelledFiles):
    """The registry's `pets`: a line is `<Breed>_<number> <class from 1> <1 cat, 2 dog> <breed of its species>`.

    Args:
        path: the folder of `images/` and `annotations/`, or the one above it (`oxford-iiit-pet`).
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        root = find_root(path, ("oxford-iiit-pet",), "annotations")
        breeds: dict[int, str] = {}
        splits, labels = {}, {}
        for split, name in LISTS.items():
            listed = root / "annotations" / name
            names, labels[split] = _read(listed, breeds)
            splits[split] = Pictures(root / "images", names, listed)
        if missing := [number for number in range(1, max(breeds) + 1) if number not in breeds]:
            raise DataError(f"{root / 'annotations'}: neither list has a picture of class {missing[0]}")
        super().__init__([breeds[number] for number in sorted(breeds)], splits, labels)


def _read(listed: Path, breeds: dict[int, str]) -> tuple[list[str], list[int]]:
    """File names and labels of a list. The names of its classes are added to `breeds`, by their numbers."""
    names, labels = [], []
    for where, (picture, number, *_) in rows_of(listed, "picture class species breed"):
        label = whole(number, MOST, f"{where}: the class")
        breed = spoken(picture.rpartition("_")[0]).title()
        if not breed:
            raise DataError(f"{where}: a picture should be called <breed>_<number>, not '{picture[:40]}'")
        if breeds.setdefault(label, breed) != breed:
            raise DataError(f"{where}: class {label} is {breeds[label]}, not {breed}")
        names.append(f"{picture}.jpg")
        labels.append(label - 1)
    if not names:
        raise DataError(f"{listed}: it is empty; expected is a picture on each line")
    return names, labels
