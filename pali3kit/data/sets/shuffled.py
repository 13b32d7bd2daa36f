"""Class folders that are published without a split: a share of each class, or of all, in a shuffled order is train.

TensorFlow Datasets, whose splits papers report on, shuffles too, in an order of its own that cannot be repeated without
it: figures differ by what one draw differs from another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.reader import existing
from pali3kit.data.sets.files import LabelledFiles, Pictures
from pali3kit.data.sets.layout import class_folders, in_classes, spoken
from pali3kit.registry import LABELLED

SEED = 0  # the draw is the same for everyone
Draw = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""From the labels of all pictures to which of them are for training."""


class _Shuffled(LabelledFiles):
    """All pictures by class and name, divided by a draw; each side keeps that order.

    Args:
        path: the folder of the classes' folders, or one above it.
        inner: where they may be below `path`, the deepest first.
        draw: the split.
        said: what a person says for a folder, where that is not its name.
    """

    def __init__(self, path: str, inner: Sequence[str], draw: Draw, said: Mapping[str, str]) -> None:
        root = _deepest(path, inner)
        folders = class_folders(root)
        names, found = in_classes(root, folders)
        labels = np.array(found, np.int64)
        train = draw(labels)
        sides = {"train": np.flatnonzero(train), "test": np.flatnonzero(~train)}
        splits = {split: Pictures(root, [names[i] for i in side], root) for split, side in sides.items()}
        classes = [said.get(folder, spoken(folder)) for folder in folders]
        super().__init__(classes, splits, {split: labels[side] for split, side in sides.items()})


@LABELLED.register("caltech101", "Caltech-101, 101_ObjectCategories", files=("path",))
class Caltech101(_Shuffled):
    """The registry's `caltech101` (Fei-Fei et al. 2004): 30 of each class are train, the others test.

    `BACKGROUND_Google` is the 102nd class where it is there, as in TensorFlow Datasets.

    Args:
        path: `101_ObjectCategories`, or a folder above it.
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        inner = [f"{above}101_ObjectCategories" for above in ("caltech-101/", "caltech101/", "")]
        super().__init__(path, inner, of_each(30), {"BACKGROUND_Google": "background"})


@LABELLED.register("colorectal", "Kather_texture_2016_image_tiles_5000", files=("path",))
class Colorectal(_Shuffled):
    """The registry's `colorectal` (Kather et al. 2016): 2000 of 5000 tiles are train, the others test.

    Args:
        path: `Kather_texture_2016_image_tiles_5000`, or the folder above it; of fewer tiles, the same share is train.
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        tiles = "Kather_texture_2016_image_tiles_5000"
        super().__init__(path, [f"{tiles}/{tiles}", tiles], of_all(2000, 5000), TISSUES)


@LABELLED.register("uc_merced", "UCMerced_LandUse/Images", files=("path",))
class UcMerced(_Shuffled):
    """The registry's `uc_merced` (Yang and Newsam 2010): 1000 of 2100 pictures are train, the others test.

    Args:
        path: `UCMerced_LandUse/Images`, or a folder above it; of fewer pictures, the same share is train.
        image_size: ignored: pictures are as large as they are.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        super().__init__(path, ["UCMerced_LandUse/Images", "Images"], of_all(1000, 2100), USES)


def of_each(count: int) -> Draw:
    """`count` random ones of each class."""

    def draw(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        train = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            own = np.flatnonzero(labels == label)
            order = np.random.default_rng((SEED, int(label))).permutation(len(own))
            train[own[order[:count]]] = True
        return train

    return draw


def of_all(count: int, total: int) -> Draw:
    """`count` random ones where there are `total`, and the same share of fewer."""

    def draw(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        train = np.zeros(len(labels), bool)
        order = np.random.default_rng(SEED).permutation(len(labels))
        train[order[: min(count, len(labels) * count // total)]] = True
        return train

    return draw


def _deepest(path: str, inner: Sequence[str]) -> Path:
    """The first of `inner` that is a folder below `path`, else `path`. Raises DataError where that is none."""
    root = existing(path, "folder")
    return next((root / name for name in inner if (root / name).is_dir()), root)


TISSUES = {
    "01_TUMOR": "tumour epithelium",
    "02_STROMA": "simple stroma",
    "03_COMPLEX": "complex stroma",
    "04_LYMPHO": "immune cells",
    "05_DEBRIS": "debris",
    "06_MUCOSA": "normal mucosal glands",
    "07_ADIPOSE": "adipose tissue",
    "08_EMPTY": "background",
}
USES = {
    "baseballdiamond": "baseball diamond",
    "denseresidential": "dense residential",
    "golfcourse": "golf course",
    "mediumresidential": "medium residential",
    "mobilehomepark": "mobile home park",
    "parkinglot": "parking lot",
    "sparseresidential": "sparse residential",
    "storagetanks": "storage tanks",
    "tenniscourt": "tennis court",
}
