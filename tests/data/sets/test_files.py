"""Sets of image files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.records import digest_files
from pali3kit.data.sets.contract import CaptionedSet, LabelledSet
from pali3kit.data.sets.files import CaptionedFiles, LabelledFiles, SplitFiles, _ImageFiles
from pali3kit.errors import DataError
from pali3kit.images.spec import ImageSpec

Write = Callable[..., Path]


def labelled(
    root: Path, labels: tuple[int, ...] = (1, 0), names: tuple[str, ...] = ("a.png", "b.png")
) -> LabelledFiles:
    splits = {"train": SplitFiles(root, names, root / "list.txt")}
    return LabelledFiles(("cat", "dog"), splits, {"train": labels}, {"train": [(0,), ()]})


def test_labels_and_images(tmp_path: Path, image: Write) -> None:
    image(tmp_path / "a.png", width=8, height=6, shade=7)
    image(tmp_path / "b.png", shade=9)
    found: LabelledSet = labelled(tmp_path)
    assert found.classes == ("cat", "dog") and found.size("train") == 2 and found.size("v2") == 0
    assert found.labels("train").tolist() == [1, 0] and found.labels("train").dtype == np.int64
    assert found.labels("v2").shape == (0,) and found.labels("v2").dtype == np.int64
    assert found.relabelled("train") == [(0,), ()] and found.relabelled("v2") is None
    assert found.image("train", 0).shape == (6, 8, 3) and found.image("train", 1)[0, 0].tolist() == [9, 9, 9]
    with pytest.raises(DataError, match="the train split has 2 images, so there is no index 2"):
        found.image("train", 2)


@pytest.mark.parametrize("name", ["../out.png", "/etc/passwd", "a/../../out.png", "a\0.png", "\ud83d.png"])
def test_listed_paths_must_not_lead_out(name: str, tmp_path: Path, image: Write) -> None:
    image(tmp_path / "out.png")
    (tmp_path / "images").mkdir()
    with pytest.raises(DataError, match="images"):
        labelled(tmp_path / "images", names=(name, name + "x"))


def test_an_image_listed_twice_is_an_error(tmp_path: Path, image: Write) -> None:
    image(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"list\.txt: image a\.png is listed twice"):
        labelled(tmp_path, names=("a.png", "a.png"))


def test_images_are_read_as_stored(tmp_path: Path) -> None:
    """Published results did not rotate by EXIF; each encoder's preprocessing handles transparency itself."""
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", (20, 40)).save(tmp_path / "a.jpg", exif=exif)
    Image.new("RGBA", (8, 8), (255, 0, 0, 0)).save(tmp_path / "b.png")
    found = _ImageFiles({"test": SplitFiles(tmp_path, ["a.jpg", "b.png"], tmp_path)})
    assert found.image("test", 0).shape == (40, 20, 3)
    clear = found.image("test", 1)
    assert clear.shape == (8, 8, 4) and clear[0, 0].tolist() == [255, 0, 0, 0]
    assert (ImageSpec(4).fitted(clear) == [255, 0, 0]).all() and (
        ImageSpec(4, alpha="white").fitted(clear) == 255
    ).all()


def test_captions_by_language(tmp_path: Path, image: Write) -> None:
    images = SplitFiles(tmp_path, [image(tmp_path / "a.png").name], tmp_path)
    found: CaptionedSet = CaptionedFiles(images, {"de": [(0, "Katze")], "en": [(0, "a cat"), (0, "cat")]})
    assert found.languages == ("de", "en") and found.size("test") == 1 and found.size("train") == 0
    assert found.captions("en") == [(0, "a cat"), (0, "cat")] and list(found.captions("fr")) == []
    assert found.digest != CaptionedFiles(images, {"de": [(0, "Hund")], "en": [(0, "a cat"), (0, "cat")]}).digest


def test_digests_differ_by_name_size_order_and_label(tmp_path: Path, image: Write) -> None:
    image(tmp_path / "a.png")
    image(tmp_path / "b.png", width=50)
    before = labelled(tmp_path).digest
    assert labelled(tmp_path).digest == before
    others = {
        labelled(tmp_path, labels=(0, 1)).digest,
        labelled(tmp_path, names=("b.png", "a.png")).digest,
    }
    image(tmp_path / "a.png", width=60)
    assert len(others | {before, labelled(tmp_path).digest}) == 4


def test_the_content_of_a_split_does_not_depend_on_another(tmp_path: Path, image: Write) -> None:
    """Training on the train split need not be repeated when test images, labels or ReaL labels change."""
    for name in ("a.png", "b.png", "c.png"):
        image(tmp_path / name)

    def content(train: int = 0, test: int = 1, name: str = "b.png", classes: int = 2) -> tuple[str, str]:
        splits = {split: SplitFiles(tmp_path, [file], tmp_path) for split, file in (("train", "a.png"), ("test", name))}
        labels = {"train": [train], "test": [test]}
        found = LabelledFiles(list("xyz")[:classes], splits, labels, {"test": [(test,)]})
        return found.content("train"), found.content("test")

    train, test = content()
    assert content(test=0)[0] == content(name="c.png")[0] == train
    assert len({test, content(test=0)[1], content(name="c.png")[1]}) == 3
    assert content(train=1)[0] != train and content(classes=3)[0] != train


def test_digest_equals_that_of_records(tmp_path: Path, image: Write) -> None:
    names = ["a.png", "deep/b é.png"]
    files = [image(tmp_path / name, width=9 + number) for number, name in enumerate(names)]
    assert SplitFiles(tmp_path, names, tmp_path).digest() == digest_files(tmp_path, files)


def test_missing_and_broken_images(tmp_path: Path, image: Write) -> None:
    image(tmp_path / "a.png")
    with pytest.raises(DataError, match=r"there is no image .*/b\.png, which .*/list\.txt lists"):
        labelled(tmp_path)
    with pytest.raises(DataError, match=r"there is no image .*, which .*/list\.txt lists"):
        labelled(tmp_path, names=("a.png", "b\0.png"))
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "b.png").write_bytes(whole[: whole.index(b"IDAT") + 8])
    found = labelled(tmp_path)
    with pytest.raises(DataError, match=r"b\.png: broken image"):
        found.image("train", 1)
    (tmp_path / "b.png").unlink()
    with pytest.raises(DataError, match=r"b\.png: No such file"):
        found.image("train", 1)
