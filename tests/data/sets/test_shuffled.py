"""Class folders without a split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import Caltech101 as Theirs

from pali3kit.data.sets.files import LabelledFiles
from pali3kit.data.sets.shuffled import Caltech101, Colorectal, UcMerced, _draw_overall, _draw_per_class
from pali3kit.errors import DataError

Write = Callable[..., Path]


def fill(root: Path, image: Write, counts: dict[str, int], name: str) -> Path:
    """Empty files except for the first of each class: building a set decodes nothing."""
    for folder, count in counts.items():
        image(root / folder / name.format(folder=folder, number=1))
        for number in range(2, count + 1):
            (root / folder / name.format(folder=folder, number=number)).touch()
    return root


def files(found: LabelledFiles, split: str) -> dict[str, int]:
    images = found.splits[split]
    return {str(images.folder / name): int(of) for name, of in zip(images.names, found.labels(split), strict=True)}


@pytest.fixture
def caltech(tmp_path: Path, image: Write) -> Path:
    counts = {"BACKGROUND_Google": 33, "Faces_easy": 31, "car_side": 40}
    return fill(tmp_path / "caltech101" / "101_ObjectCategories", image, counts, "image_{number:04d}.jpg")


def test_caltech_has_thirty_of_each_class_for_training(caltech: Path) -> None:
    ours = Caltech101(str(caltech))
    assert ours.classes == ("background", "Faces easy", "car side")
    assert Counter(ours.labels("train").tolist()) == {0: 30, 1: 30, 2: 30}
    assert Counter(ours.labels("test").tolist()) == {0: 3, 1: 1, 2: 10}
    for path in (caltech.parent, caltech.parents[1]):
        assert Caltech101(str(path), image_size=64).digest == ours.digest


def test_caltech_has_the_images_that_torchvision_has(caltech: Path) -> None:
    """torchvision has the same classes except for the background, which it leaves out."""
    theirs = Theirs(str(caltech.parents[1]))
    ours = Caltech101(str(caltech))
    train, test = files(ours, "train"), files(ours, "test")
    assert not train.keys() & test.keys()
    wanted = {
        str(caltech / theirs.categories[label] / f"image_{number:04d}.jpg"): label + 1
        for number, label in zip(theirs.index, theirs.y, strict=True)
    }
    assert {name: label for name, label in {**train, **test}.items() if label} == wanted
    assert list(train) == sorted(train)  # by class and name, as it is listed


def test_the_split_depends_only_on_sorted_names(caltech: Path) -> None:
    before = files(Caltech101(str(caltech)), "train")
    late = caltech / "car_side" / "image_0001.jpg"
    content = late.read_bytes()
    late.unlink()
    late.write_bytes(content)  # the folder now lists it elsewhere
    assert files(Caltech101(str(caltech)), "train") == before


def test_shares_of_the_published_numbers() -> None:
    for draw, total, count in (
        (_draw_overall(2000, 5000), 5000, 2000),
        (_draw_overall(2000, 5000), 10, 4),
        (_draw_overall(2000, 5000), 9000, 2000),
        (_draw_overall(1000, 2100), 2100, 1000),
        (_draw_overall(1000, 2100), 21, 10),
    ):
        train = draw(np.zeros(total, np.int64))
        assert train.sum() == count and train.shape == (total,)
    train = _draw_overall(2000, 5000)(np.zeros(5000, np.int64))
    assert 900 < train[:2500].sum() < 1100  # shuffled: not the first ones
    labels = np.repeat([0, 1], [40, 5])
    train = _draw_per_class(30)(labels)
    assert train[:40].sum() == 30 and not train[:30].all() and train[40:].all()


def test_colorectal(tmp_path: Path, image: Write) -> None:
    tiles = "Kather_texture_2016_image_tiles_5000"
    root = fill(tmp_path / tiles / tiles, image, {"01_TUMOR": 6, "08_EMPTY": 4}, "{number}_CRC.tif")
    found = Colorectal(str(tmp_path))
    assert found.classes == ("tumour epithelium", "background")
    assert (found.size("train"), found.size("test"), found.size("v2")) == (4, 6, 0)
    assert Colorectal(str(root)).digest == Colorectal(str(root.parent)).digest == found.digest
    assert {**files(found, "train"), **files(found, "test")} == {
        str(path): int(path.parent.name == "08_EMPTY") for path in root.glob("*/*")
    }


def test_uc_merced(tmp_path: Path, image: Write) -> None:
    counts = {"baseballdiamond": 11, "forest": 10}
    root = fill(tmp_path / "UCMerced_LandUse" / "Images", image, counts, "{folder}{number:02d}.tif")
    found = UcMerced(str(tmp_path))
    assert found.classes == ("baseball diamond", "forest") and (found.size("train"), found.size("test")) == (10, 11)
    assert UcMerced(str(root)).digest == UcMerced(str(root.parent)).digest == found.digest
    [(split, index)] = [
        (split, found.splits[split].names.index("forest/forest01.tif"))
        for split in ("train", "test")
        if "forest/forest01.tif" in found.splits[split].names
    ]
    assert found.image(split, index).shape == (6, 8, 3)


@pytest.mark.parametrize("kind", [Caltech101, Colorectal, UcMerced])
def test_missing_layouts(tmp_path: Path, kind: type[LabelledFiles]) -> None:
    with pytest.raises(DataError, match=r"there is no folder .*/gone\."):
        kind(str(tmp_path / "gone"))  # type: ignore[arg-type, call-arg]
    with pytest.raises(DataError, match=r"it should have a subfolder for each class, but has none"):
        kind(str(tmp_path))  # type: ignore[arg-type, call-arg]
    (tmp_path / "cat").mkdir()
    with pytest.raises(DataError, match=r"no images in its folders: names should end with"):
        kind(str(tmp_path))  # type: ignore[arg-type, call-arg]


def test_a_truncated_image_is_an_error_when_read(caltech: Path) -> None:
    found = Caltech101(str(caltech))
    split = "train" if "Faces_easy/image_0002.jpg" in found.splits["train"].names else "test"
    with pytest.raises(DataError, match=r"Faces_easy/image_0002\.jpg: not an image in a known format \(0 bytes\)"):
        found.image(split, list(found.splits[split].names).index("Faces_easy/image_0002.jpg"))
