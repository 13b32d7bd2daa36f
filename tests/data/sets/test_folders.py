"""Your own images in class folders."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from torchvision.datasets import ImageFolder

from pali3kit.data.sets.folders import Folders
from pali3kit.errors import DataError

Write = Callable[..., Path]
NAMES = (
    "train/red_fox/2.png",
    "train/red_fox/10.png",
    "train/ape/deep/er/1.jpg",
    "train/ape/deep-/1.jpg",
    "train/ape/9.jpg",
    "test/ape/1.jpg",
    "test/red_fox/1.JPEG",
)


@pytest.fixture
def root(tmp_path: Path, image: Write) -> Path:
    for name in NAMES:
        image(tmp_path / name)
    (tmp_path / "train" / "ape" / "notes.txt").touch()
    return tmp_path


@pytest.mark.parametrize("split", ["train", "test"])
def test_as_torchvision_reads_it(root: Path, split: str) -> None:
    ours, theirs = Folders(str(root)), ImageFolder(str(root / split))
    images = ours.splits[split]
    assert theirs.classes == ["ape", "red_fox"] and ours.classes == ("ape", "red fox")
    assert [
        (str(images.folder / name), label) for name, label in zip(images.names, ours.labels(split), strict=True)
    ] == theirs.imgs
    assert ours.size("v2") == 0 and ours.image(split, 0).shape == (6, 8, 3)


def test_v2_has_the_classes_of_train(root: Path, image: Write) -> None:
    image(root / "v2" / "red_fox" / "1.png")
    assert Folders(str(root)).labels("v2").tolist() == [1]
    image(root / "v2" / "red_fix" / "1.png")
    with pytest.raises(DataError, match=r"v2/red_fix: .*/train has no such class\. Did you mean 'red_fox'\?"):
        Folders(str(root))


def test_training_classes_need_an_image(root: Path) -> None:
    (root / "train" / "zebra").mkdir()
    with pytest.raises(DataError, match=r"train/zebra: there is no image of this class"):
        Folders(str(root))


def test_a_test_set_alone(root: Path, tmp_path: Path) -> None:
    (root / "train").rename(root / "other")
    alone = Folders(str(root), image_size=64)
    assert alone.classes == ("ape", "red fox") and alone.size("train") == 0 and alone.labels("test").tolist() == [0, 1]


def test_missing_layouts(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train: train or test not found in it$"):
        Folders(str(root / "train"))
    (root / "test" / "ape" / "1.jpg").unlink()
    (root / "test" / "red_fox" / "1.JPEG").unlink()
    with pytest.raises(DataError, match=r"test: no images in its folders: names should end with"):
        Folders(str(root))
    (root / "test" / "ape").rmdir()
    (root / "test" / "red_fox").rmdir()
    with pytest.raises(DataError, match=r"test: it should have a subfolder for each class, but has none"):
        Folders(str(root))
    (root / "test").rmdir()
    (root / "test").touch()
    with pytest.raises(DataError, match=r"test: Not a directory; it should have a subfolder for each class"):
        Folders(str(root))
