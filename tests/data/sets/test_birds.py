"""Caltech-UCSD Birds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pali3kit.data.sets.birds import Birds
from pali3kit.errors import DataError

FILES = {
    "classes.txt": "1 001.Black_footed_Albatross\n2 002.Laysan_Albatross\n",
    "images.txt": "1 001.Black_footed_Albatross/B_1.jpg\n2 001.Black_footed_Albatross/B_2.jpg\n"
    "3 002.Laysan_Albatross/L_1.jpg\n4 002.Laysan_Albatross/L_2.jpg\n",
    "image_class_labels.txt": "1 1\n2 1\n3 2\n4 2\n",
    "train_test_split.txt": "1 0\n2 1\n3 1\n4 0\n",
}


@pytest.fixture
def root(tmp_path: Path, image: Callable[..., Path]) -> Path:
    root = tmp_path / "CUB_200_2011"
    for line in FILES["images.txt"].splitlines():
        number, name = line.split()
        image(root / "images" / name, shade=int(number))
    for name, text in FILES.items():
        (root / name).write_text(text)
    return root


def test_splits_and_labels(root: Path) -> None:
    birds = Birds(str(root.parent))
    assert birds.classes == ("Black footed Albatross", "Laysan Albatross")
    assert birds.labels("train").tolist() == [0, 1] and birds.labels("test").tolist() == [0, 1]
    shades = {split: [int(birds.image(split, i)[0, 0, 0]) for i in range(2)] for split in ("train", "test")}
    assert shades == {"train": [2, 3], "test": [1, 4]}
    assert birds.digest == Birds(str(root), image_size=64).digest


def test_digests_differ_by_split(root: Path) -> None:
    before = Birds(str(root)).digest
    (root / "train_test_split.txt").write_text("1 1\n2 0\n3 1\n4 0\n")
    assert Birds(str(root)).digest != before


@pytest.mark.parametrize("name", FILES)
def test_missing_and_empty_files(root: Path, name: str) -> None:
    (root / name).write_text("\n")
    with pytest.raises(DataError, match=rf"{name}: it is empty, but each line should be '(image|class) \w+'"):
        Birds(str(root))
    (root / name).unlink()
    found = "images.txt not found in it or in its CUB_200_2011" if name == "images.txt" else f"{name}: No such file"
    with pytest.raises(DataError, match=found):
        Birds(str(root))


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("image_class_labels.txt", "4 2", "4", r"image_class_labels\.txt:4: expected 'image class', not '4'"),
        ("image_class_labels.txt", "\n4 2", "", r"image_class_labels\.txt: no line for number 4"),
        (
            "image_class_labels.txt",
            "4 2",
            "4 3",
            r"class_labels\.txt:4: the class should be a number from 1 to 2, not '3'",
        ),
        (
            "train_test_split.txt",
            "4 0",
            "4 2",
            r"train_test_split\.txt:4: should be 1 \(train\) or 0 \(test\), not '2'",
        ),
        ("train_test_split.txt", "\n4 0", "", r"train_test_split\.txt: no line for number 4"),
        ("classes.txt", "2 002", "3 002", r"classes\.txt: no line for number 2"),
        (
            "images.txt",
            "L_2",
            "L_3",
            r"no image .*/images/002\.Laysan_Albatross/L_3\.jpg, which .*/images\.txt lists",
        ),
    ],
)
def test_damaged_lists(root: Path, name: str, old: str, new: str, message: str) -> None:
    assert old in FILES[name]
    (root / name).write_text(FILES[name].replace(old, new))
    with pytest.raises(DataError, match=message):
        Birds(str(root))


def test_a_duplicate_number_is_an_error(root: Path) -> None:
    file = root / "image_class_labels.txt"
    file.write_text(file.read_text() + file.read_text().splitlines()[0] + "\n")
    with pytest.raises(
        DataError, match=r"image_class_labels\.txt:\d+: number 1 already occurs in .*image_class_labels\.txt:1"
    ):
        Birds(str(root))
