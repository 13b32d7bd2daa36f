"""COCO captions, Karpathy's test split."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pali3kit.data.sets.karpathy import CocoKarpathy
from pali3kit.errors import DataError


def entry(name: str, split: str, *captions: str) -> dict[str, Any]:
    sentences = [{"tokens": caption.split(), "raw": caption} for caption in captions]
    return {"filepath": "val2014", "filename": name, "cocoid": 9, "split": split, "sentences": sentences}


IMAGES = (
    entry("b.jpg", "test", "A cat. ", "A cat on a mat."),
    entry("t.jpg", "train", "Not this."),
    entry("r.jpg", "restval", "Nor this."),
    entry("a.jpg", "test", "A dog."),
)


@pytest.fixture
def root(tmp_path: Path, image: Callable[..., Path]) -> Path:
    (tmp_path / "dataset_coco.json").write_text(json.dumps({"images": IMAGES, "dataset": "coco"}))
    image(tmp_path / "coco" / "val2014" / "b.jpg", shade=2)
    image(tmp_path / "coco" / "a.jpg", shade=1)  # by its name alone
    return tmp_path


def read(root: Path) -> CocoKarpathy:
    return CocoKarpathy(str(root / "dataset_coco.json"), str(root / "coco"), image_size=64)


def test_the_test_split_in_the_order_of_the_file(root: Path) -> None:
    found = read(root)
    assert found.languages == ("en",) and found.size("test") == 2 and found.size("train") == 0
    assert found.captions("en") == [(0, "A cat."), (0, "A cat on a mat."), (1, "A dog.")]
    assert [int(found.image("test", index)[0, 0, 0]) for index in (0, 1)] == [2, 1]
    assert CocoKarpathy(str(root), str(root / "coco")).digest == found.digest


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ('"split": "train"', '"spilt": "train"', r"coco\.json: images\[1\]: no field 'split'\. Did you mean 'spilt'\?"),
        (
            '"raw": "A dog."',
            '"row": 1',
            r"coco\.json: images\[3\]: sentences\[0\]: no field 'raw'\. Did you mean 'row'\?",
        ),
        ('"filename": "a.jpg"', '"filename": 1', r"images\[3\]: 'filename' should be a text, not the number 1"),
        ('"filename": "a.jpg"', '"filename": "c.jpg"', r"no image .*/coco/c\.jpg, which .*/dataset_coco\.json lists"),
        ('"split": "test"', '"split": "val"', r"coco\.json: no image with a caption in the test split"),
        ('"images"', '"annotations"', r"coco\.json: no field 'images'\."),
    ],
)
def test_damaged_files(root: Path, old: str, new: str, expected: str) -> None:
    file = root / "dataset_coco.json"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    with pytest.raises(DataError, match=expected):
        read(root)


def test_truncated_and_missing_files(root: Path) -> None:
    file = root / "dataset_coco.json"
    file.write_text(file.read_text()[:-5])
    with pytest.raises(DataError, match=r"dataset_coco\.json: no JSON: "):
        read(root)
    file.unlink()
    with pytest.raises(DataError, match=r"there is no file .*/dataset_coco\.json"):
        read(root)


def test_cocos_own_files_have_no_split(root: Path) -> None:
    content = {"images": [{"id": 9, "file_name": "a.jpg"}], "annotations": [{"image_id": 9, "caption": "A dog."}]}
    (root / "dataset_coco.json").write_text(json.dumps(content))
    with pytest.raises(DataError, match=r"images\[0\]: no field 'split'\. Choose from file_name, id\."):
        read(root)


def test_blank_captions_are_no_queries(root: Path) -> None:
    images = [entry("b.jpg", "test", " ", "A cat.", "", "\n"), entry("a.jpg", "test", "A dog.", "\u00a0")]
    (root / "dataset_coco.json").write_text(json.dumps({"images": images}))
    assert read(root).captions("en") == [(0, "A cat."), (1, "A dog.")]


def test_karpathys_file_of_flickr30k(root: Path, image: Callable[..., Path]) -> None:
    image(root / "coco" / "1007129816.jpg", shade=7)
    said = [{"tokens": ["a", "man"], "raw": "A man.", "imgid": 1, "sentid": 5}]
    entry = {"sentids": [5], "imgid": 1, "sentences": said, "split": "test", "filename": "1007129816.jpg"}
    (root / "dataset_flickr30k.json").write_text(json.dumps({"images": [entry], "dataset": "flickr30k"}))
    found = CocoKarpathy(str(root / "dataset_flickr30k.json"), str(root / "coco"))
    assert found.captions("en") == [(0, "A man.")] and found.image("test", 0)[0, 0, 0] == 7


def test_file_names_of_2017(root: Path, image: Callable[..., Path]) -> None:
    image(root / "coco" / "000000000009.jpg", shade=9)
    images = [entry("COCO_val2014_000000000009.jpg", "test", "A cat.")]
    (root / "dataset_coco.json").write_text(json.dumps({"images": images}))
    assert read(root).image("test", 0)[0, 0, 0] == 9
