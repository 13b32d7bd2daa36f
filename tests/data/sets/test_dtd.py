"""Describable Textures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import DTD

from pali3kit.data.sets.dtd import Dtd
from pali3kit.errors import DataError

LISTS = {
    "train1.txt": "polka-dotted/polka-dotted_0002.jpg\nbanded/banded_0005.jpg\nzigzagged/zigzagged_0001.jpg\n",
    "test1.txt": "banded/banded_0001.jpg\npolka-dotted/polka-dotted_0001.jpg\nzigzagged/zigzagged_0009.jpg\n",
}


@pytest.fixture
def root(tmp_path: Path, image: Callable[..., Path]) -> Path:
    root = tmp_path / "dtd" / "dtd"
    (root / "labels").mkdir(parents=True)
    for name, text in LISTS.items():
        (root / "labels" / name).write_text(text)
        for number, line in enumerate(text.splitlines()):
            image(root / "images" / line, width=8 + number)
    return root


@pytest.mark.parametrize("split", ["train", "test"])
def test_as_torchvision_reads_it(root: Path, split: str) -> None:
    ours, theirs = Dtd(str(root.parents[1])), DTD(str(root.parents[1]), split)
    assert ours.classes == ("banded", "polka-dotted", "zigzagged") == tuple(theirs.classes)
    assert ours.labels(split).tolist() == [label for _, label in theirs]
    for index, (image, _) in enumerate(theirs):
        np.testing.assert_array_equal(ours.image(split, index), np.asarray(image))
    assert Dtd(str(root)).digest == Dtd(str(root.parent), image_size=64).digest == ours.digest


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "banded/banded_0001.jpg",
            "banded_0001.jpg",
            r"test1\.txt:1: expected '<texture>/<file>', not 'banded_0001\.jpg'",
        ),
        ("banded/banded_0001.jpg", "/banded_0001.jpg", r"test1\.txt:1: expected '<texture>/<file>', not '/banded"),
        ("banded/banded_0001.jpg", "a/../../b.jpg", r"test1\.txt:1: expected '<texture>/<file>', not 'a/"),
        ("_0009.jpg\n", "_0", r"no image .*/images/zigzagged/zigzagged_0, which .*/labels/test1\.txt lists"),
        (LISTS["test1.txt"], "\n", r"test1\.txt: it is empty, but each line should be '<texture>/<file>'"),
    ],
)
def test_damaged_lists(root: Path, old: str, new: str, message: str) -> None:
    (root / "labels" / "test1.txt").write_text(LISTS["test1.txt"].replace(old, new))
    with pytest.raises(DataError, match=message):
        Dtd(str(root))


def test_missing_files(root: Path) -> None:
    (root / "labels" / "train1.txt").unlink()
    with pytest.raises(DataError, match=r"labels/train1\.txt: No such file or directory; this layout requires it"):
        Dtd(str(root))
    with pytest.raises(DataError, match=r"images: labels not found in it or in its dtd or in its dtd/dtd"):
        Dtd(str(root / "images"))
