"""Stanford Cars."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat
from torchvision.datasets import StanfordCars

from pali3kit.data.sets.cars import Cars
from pali3kit.errors import DataError

NAMES = ("AM General Hummer SUV 2000", "Acura RL Sedan 2012", "smart fortwo Convertible 2012")
TRAIN = (("00001.jpg", 3), ("00002.jpg", 1), ("00003.jpg", 2))
TEST = (("00001.jpg", 2), ("00002.jpg", 3))
TYPE = [(name, object) for name in ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "class", "fname")]


def annotate(file: Path, entries: tuple[tuple[str, object], ...], labelled: bool = True) -> None:
    rows = [(1, 2, 7, 5, *([label] if labelled else []), name) for name, label in entries]
    savemat(file, {"annotations": np.array([rows], [field for field in TYPE if labelled or field[0] != "class"])})


@pytest.fixture
def root(tmp_path: Path, image: Callable[..., Path]) -> Path:
    root = tmp_path / "stanford_cars"
    (root / "devkit").mkdir(parents=True)
    names = np.empty((1, 3), object)
    names[0] = NAMES
    savemat(root / "devkit" / "cars_meta.mat", {"class_names": names})
    annotate(root / "devkit" / "cars_train_annos.mat", TRAIN)
    annotate(root / "cars_test_annos_withlabels.mat", TEST)
    for split, entries in (("train", TRAIN), ("test", TEST)):
        for number, (name, _) in enumerate(entries):
            image(root / f"cars_{split}" / name, width=8 + number)
    return root


@pytest.mark.parametrize("split", ["train", "test"])
def test_as_torchvision_reads_it(root: Path, split: str) -> None:
    ours, theirs = Cars(str(root.parent)), StanfordCars(str(root.parent), split)
    assert ours.classes == NAMES == tuple(theirs.classes)
    assert ours.labels(split).tolist() == [label for _, label in theirs]
    for index, (image, _) in enumerate(theirs):
        np.testing.assert_array_equal(ours.image(split, index), np.asarray(image))
    (root / "cars_test_annos_withlabels.mat").rename(root / "devkit" / "cars_test_annos_withlabels.mat")
    assert Cars(str(root), image_size=64).labels("test").tolist() == [1, 2]


def test_damaged_labels(root: Path) -> None:
    file = root / "cars_test_annos_withlabels.mat"
    for wrong, expected in (
        (4, "'class' should be from 1 to 3, not 4"),
        (0, "'class' should be from 1 to 3, not 0"),
        ("a", "'class' should be a whole number, not 'a'"),
    ):
        annotate(file, (TEST[0], ("00002.jpg", wrong)))
        with pytest.raises(DataError, match=rf"withlabels\.mat: annotations\[1\]: {expected}"):
            Cars(str(root))
    annotate(file, TEST, labelled=False)
    with pytest.raises(DataError, match=r"withlabels\.mat: 'annotations' has no field 'class'\."):
        Cars(str(root))
    annotate(file, (("00009.jpg", 1),))
    with pytest.raises(DataError, match=r"no image .*/cars_test/00009\.jpg, which .*withlabels\.mat lists"):
        Cars(str(root))
    file.write_bytes(file.read_bytes()[:-9])
    with pytest.raises(DataError, match=r"withlabels\.mat: not a readable \.mat file: "):
        Cars(str(root))


@pytest.mark.parametrize(
    "name", ["devkit/cars_meta.mat", "devkit/cars_train_annos.mat", "cars_test_annos_withlabels.mat"]
)
def test_missing_files(root: Path, name: str) -> None:
    (root / name).unlink()
    with pytest.raises(
        DataError, match=rf"{Path(name).name}: No such file or directory; it should be a \.mat file with"
    ):
        Cars(str(root))


def test_no_such_layout(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"devkit not found in it or in its stanford_cars"):
        Cars(str(tmp_path))
