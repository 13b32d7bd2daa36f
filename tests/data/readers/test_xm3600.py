"""Crossmodal-3600 as a source of captions to be generated."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import true_files

from pali3kit.errors import DataError
from pali3kit.registry import SOURCE


def make(folder: Path) -> Any:
    true_files.karpathy(folder / "dataset_coco.json", folder / "coco", range(2), range(2, 3))
    true_files.translations(folder / "coco_mt_train.jsonl.bz2", range(2))
    true_files.xm3600(folder / "xm")
    paths = {"path": "dataset_coco.json", "images": "coco", "translations": "coco_mt_train.jsonl.bz2",
             "test": "xm/captions.jsonl", "test_images": "xm/images"}  # fmt: skip
    return SOURCE.build("xm3600", **{key: str(folder / path) for key, path in paths.items()})


def test_it_learns_coco_s_translations_and_is_measured_on_its_own_images(tmp_path: Path) -> None:
    source = make(tmp_path)
    assert (source.size("train"), source.size("test")) == (2, 2)
    assert set(source.record("train", 0).captions) == {"en", "de"}
    record = source.record("test", 1)
    assert record.captions == {"en": ("a dog",)} and source.languages == ("en",)
    assert source.image("test", 1).shape == (64, 64, 3)


def test_an_image_that_is_gone_is_told(tmp_path: Path) -> None:
    source = make(tmp_path)
    (tmp_path / "xm/images/dog.jpg").unlink()
    with pytest.raises(DataError, match=r"there is no image .*dog\.jpg, which .*captions\.jsonl lists"):
        source.size("test")
