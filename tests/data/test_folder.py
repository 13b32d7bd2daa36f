"""A folder of images."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pali3kit.data.folder import FolderSource, _FolderRecords
from pali3kit.errors import DataError


def fill(root: Path) -> Path:
    for number, name in enumerate(("red_fox/deep/er/2.PNG", "ape/1.jpg", "ape/0.jpg", "loose.png")):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (number, 0, 0)).save(file)
    (root / "ape" / "1.txt").write_text("An ape, sitting.")
    (root / "ape" / "notes.md").write_text("no image")
    return root


def test_classes_are_the_folders_below(tmp_path: Path) -> None:
    records = _FolderRecords(fill(tmp_path))
    assert records.classes == ("ape", "red_fox")
    assert [Path(records.name(i)).name for i in range(len(records))] == ["0.jpg", "1.jpg", "loose.png", "2.PNG"]
    assert records.labels(0) == (0,) and records.labels(3) == (1,)
    with pytest.raises(DataError, match=r"loose\.png: the image is in no class folder"):
        records.labels(2)


def test_texts_lie_beside_images_or_are_the_class(tmp_path: Path) -> None:
    records = _FolderRecords(fill(tmp_path))
    assert [records.text(i) for i in range(4)] == ["ape", "An ape, sitting.", "", "red fox"]


def test_what_systems_leave_is_no_class_and_no_image(tmp_path: Path) -> None:
    fill(tmp_path)
    before = _FolderRecords(tmp_path)
    for name in (".ipynb_checkpoints/1.jpg", "ape/.ipynb_checkpoints/1.jpg", "ape/._1.jpg", "__MACOSX/ape/1.jpg",
                 "@eaDir/1.jpg/SYNOFILE_THUMB_M.jpg"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    (tmp_path / "ape" / "Thumbs.db").write_bytes(b"\xd0\xcf")
    records = _FolderRecords(tmp_path)
    assert (records.classes, records.files) == (before.classes, before.files)


@pytest.mark.parametrize(
    ("data", "right"),
    [
        ("\ufeffa cat".encode(), "a cat"),
        ("a cat".encode("utf-16"), "a cat"),
        (b"a cat\na dog\n", "a dog"),
        (b" \n", ""),
    ],
)
def test_texts_of_other_programs(data: bytes, right: str, tmp_path: Path) -> None:
    """Of several lines, each a caption, an image has one, by its number."""
    records = _FolderRecords(fill(tmp_path))
    (tmp_path / "ape" / "1.txt").write_bytes(data)
    assert records.text(1) == right
    (tmp_path / "ape" / "1.txt").write_bytes(gzip.compress(data))
    with pytest.raises(DataError, match=r"1\.jpg: \.txt: it is packed with gzip"):
        records.text(1)


def test_as_a_source(tmp_path: Path) -> None:
    source = FolderSource(str(fill(tmp_path)), image_size=64)
    assert source.image("train", 0).shape == (8, 8, 3)  # as large as it is
    before = source.digest
    assert FolderSource(str(tmp_path)).digest == before
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "ape" / "3.png")
    assert FolderSource(str(tmp_path)).digest != before


def test_what_is_no_folder_of_images(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        FolderSource(str(tmp_path / "nowhere"))
    with pytest.raises(DataError, match=r"no images in .*: their names should end with \.bmp, "):
        FolderSource(str(tmp_path))


def test_images_without_any_text_cannot_be_read_from(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / name)
    with pytest.raises(DataError, match=r"none of the images has a text, the first being .*a\.png: a text is NAME.txt"):
        list(FolderSource(str(tmp_path)).sentences(0, 16))


def test_texts_that_cannot_be_used_are_noted(tmp_path: Path) -> None:
    (fill(tmp_path) / "ape" / "0.txt").write_text(" \n")
    source = FolderSource(str(tmp_path))
    assert set(source.sentences(0, 16)) == {"An ape, sitting.", "red fox"}
    assert source.skips.seen == source.size("train") == 4
    bad = {f"{tmp_path / 'ape' / '0.jpg'}: its text is empty", f"{tmp_path / 'loose.png'}: its text is empty"}
    assert set(source.skips.drain()) == bad


def test_a_image_that_has_gone(tmp_path: Path) -> None:
    records = _FolderRecords(fill(tmp_path))
    (tmp_path / "ape" / "0.jpg").unlink()
    with pytest.raises(DataError, match=r"0\.jpg: No such file"):
        records.image_bytes(0)


def test_links_that_lead_nowhere_and_pipes_are_bad_images(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "1.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "cat" / "2.jpg")
    source = FolderSource(str(tmp_path))
    assert source.size("train") == 2 and source.digest
    told = []
    for index in range(2):
        with pytest.raises(DataError) as error:
            source.image("train", index)
        told.append(str(error.value).removeprefix(f"{tmp_path}/cat/"))
    assert sorted(told) == ["1.jpg: No such file or directory", "2.jpg: it is a pipe, socket or device, not a file"]
