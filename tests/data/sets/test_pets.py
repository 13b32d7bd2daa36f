"""Oxford-IIIT Pets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import OxfordIIITPet

from pali3kit.data.sets.pets import Pets
from pali3kit.errors import DataError

TRAINVAL = "Abyssinian_100 1 1 1\namerican_bulldog_5 2 2 1\nBritish_Shorthair_7 3 1 2\nAbyssinian_2 1 1 1\n"
TEST = "american_bulldog_1 2 2 1\nAbyssinian_1 1 1 1\nBritish_Shorthair_1 3 1 2\n"


@pytest.fixture
def root(tmp_path: Path, image: Callable[..., Path]) -> Path:
    root = tmp_path / "oxford-iiit-pet"
    for number, line in enumerate((TRAINVAL + TEST).splitlines()):
        image(root / "images" / f"{line.split()[0]}.jpg", shade=number)
    (root / "annotations").mkdir()
    (root / "annotations" / "trainval.txt").write_text(TRAINVAL)
    (root / "annotations" / "test.txt").write_text(TEST)
    return root


@pytest.mark.parametrize(("split", "theirs"), [("train", "trainval"), ("test", "test")])
def test_as_torchvision_reads_it(root: Path, split: str, theirs: str) -> None:
    ours, reference = Pets(str(root.parent)), OxfordIIITPet(str(root.parent), theirs)
    assert ours.classes == ("Abyssinian", "American Bulldog", "British Shorthair") == tuple(reference.classes)
    assert ours.labels(split).tolist() == [label for _, label in reference]
    for index, (image, _) in enumerate(reference):
        np.testing.assert_array_equal(ours.image(split, index), np.asarray(image))
    assert ours.digest == Pets(str(root), image_size=64).digest


def damage(root: Path, name: str, old: str, new: str) -> None:
    file = root / "annotations" / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        (
            "test.txt",
            TEST,
            TEST[:-4],
            r"test\.txt:3: expected 'image class species breed', not 'British_Shorthair_1 3'",
        ),
        ("test.txt", "Abyssinian_1 ", "Cat1 ", r"test\.txt:2: an image should be called <breed>_<number>, not 'Cat1'"),
        ("test.txt", TEST, "", r"test\.txt: it is empty, but should have an image on each line"),
        ("test.txt", "_1 3 1 2", "_1 38 1 2", r"test\.txt:3: the class should be a number from 1 to 37, not '38'"),
        ("test.txt", "_1 3 1 2", "_1 3rd 1 2", r"test\.txt:3: the class should be a number from 1 to 37, not '3rd'"),
        ("test.txt", "_1 3 1 2", "_1 2 1 2", r"test\.txt:3: class 2 is American Bulldog, not British Shorthair"),
        (
            "test.txt",
            "Abyssinian_1 ",
            "Abyssinian_9 ",
            r"no image .*/images/Abyssinian_9\.jpg, which .*/test\.txt lists",
        ),
    ],
)
def test_damaged_lists(root: Path, name: str, old: str, new: str, message: str) -> None:
    damage(root, name, old, new)
    with pytest.raises(DataError, match=message):
        Pets(str(root))


def test_a_class_without_a_image(root: Path) -> None:
    damage(root, "trainval.txt", "_7 3 1 2", "_7 5 1 2")
    damage(root, "test.txt", "_1 3 1 2", "_1 5 1 2")
    with pytest.raises(DataError, match=r"annotations: neither list has an image of class 3"):
        Pets(str(root))


def test_missing_files(root: Path) -> None:
    (root / "images" / "Abyssinian_2.jpg").unlink()
    with pytest.raises(DataError, match=r"no image .*/images/Abyssinian_2\.jpg, which .*/trainval\.txt lists"):
        Pets(str(root))
    (root / "annotations" / "test.txt").unlink()
    with pytest.raises(DataError, match=r"annotations/test\.txt: No such file or directory; this layout requires it"):
        Pets(str(root))
    with pytest.raises(DataError, match=r"images: annotations not found in it or in its oxford-iiit-pet"):
        Pets(str(root / "images"))
