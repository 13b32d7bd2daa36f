"""Class folders published without a split: a random share of each class, or of all images, is for training.

TensorFlow Datasets, whose splits papers use, draws at random too, in an order that cannot be reproduced without it:
results differ as much as those of two random splits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.reader import require_path
from pali3kit.data.sets.files import LabelledFiles, SplitFiles
from pali3kit.data.sets.layout import class_folders, images_by_class, readable_name
from pali3kit.registry import LABELLED

SEED = 0  # fixed, so that the split is the same for everyone
Draw = Callable[[NDArray[np.int64]], NDArray[np.bool_]]
"""From the labels of all images to which of them are for training."""


class _Shuffled(LabelledFiles):
    """All images, sorted by class and name and divided by a draw; each split keeps that order.

    Args:
        path: the folder of the classes' folders, or one above it.
        inner: where they may be below `path`, the deepest first.
        draw: decides the split.
        class_names: readable names of folders, where they differ from the folder's own.
    """

    def __init__(self, path: str, inner: Sequence[str], draw: Draw, class_names: Mapping[str, str]) -> None:
        root = _deepest(path, inner)
        folders = class_folders(root)
        names, found = images_by_class(root, folders)
        labels = np.array(found, np.int64)
        train = draw(labels)
        members = {"train": np.flatnonzero(train), "test": np.flatnonzero(~train)}
        splits = {split: SplitFiles(root, [names[i] for i in chosen], root) for split, chosen in members.items()}
        classes = [class_names.get(folder, readable_name(folder)) for folder in folders]
        super().__init__(classes, splits, {split: labels[chosen] for split, chosen in members.items()})


@LABELLED.register("caltech101", "Caltech-101, 101_ObjectCategories", files=("path",))
class Caltech101(_Shuffled):
    """The registry's `caltech101` (Fei-Fei et al. 2004): 30 of each class are train, the others test.

    `BACKGROUND_Google` is the 102nd class if it exists, as in TensorFlow Datasets.

    Args:
        path: `101_ObjectCategories`, or a folder above it.
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        inner = [f"{above}101_ObjectCategories" for above in ("caltech-101/", "caltech101/", "")]
        super().__init__(path, inner, _draw_per_class(30), {"BACKGROUND_Google": "background"})


@LABELLED.register("colorectal", "Kather_texture_2016_image_tiles_5000", files=("path",))
class Colorectal(_Shuffled):
    """The registry's `colorectal` (Kather et al. 2016): 2000 of 5000 tiles are train, the others test.

    Args:
        path: `Kather_texture_2016_image_tiles_5000`, or the folder above it; with fewer tiles, the same share is train.
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        tiles = "Kather_texture_2016_image_tiles_5000"
        super().__init__(path, [f"{tiles}/{tiles}", tiles], _draw_overall(2000, 5000), TISSUES)


@LABELLED.register("uc_merced", "UCMerced_LandUse/Images", files=("path",))
class UcMerced(_Shuffled):
    """The registry's `uc_merced` (Yang and Newsam 2010): 1000 of 2100 images are train, the others test.

    Args:
        path: `UCMerced_LandUse/Images`, or a folder above it; with fewer images, the same share is train.
        image_size: ignored; images keep their size.
    """

    def __init__(self, path: str, image_size: int = 0) -> None:
        super().__init__(path, ["UCMerced_LandUse/Images", "Images"], _draw_overall(1000, 2100), USES)


def _draw_per_class(count: int) -> Draw:
    """Draw `count` images of each class."""

    def draw(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        train = np.zeros(len(labels), bool)
        for label in np.unique(labels):
            own = np.flatnonzero(labels == label)
            order = np.random.default_rng((SEED, int(label))).permutation(len(own))
            train[own[order[:count]]] = True
        return train

    return draw


def _draw_overall(count: int, total: int) -> Draw:
    """Draw `count` of `total` images, or the same share of fewer."""

    def draw(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
        train = np.zeros(len(labels), bool)
        order = np.random.default_rng(SEED).permutation(len(labels))
        train[order[: min(count, len(labels) * count // total)]] = True
        return train

    return draw


def _deepest(path: str, inner: Sequence[str]) -> Path:
    """The first of `inner` that is a folder below `path`, else `path`. Raises DataError if that is not a folder."""
    root = require_path(path, "folder")
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
