"""COCO's instances."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from pali3kit.data.readers.coco_instances import CocoInstancesReader, create, whole_box
from pali3kit.errors import DataError

from .conftest import CAT, DOG, DOGS

Write = Callable[..., Path]
Picture = Callable[..., Path]


def test_pictures_with_their_things(tmp_path: Path, write_instances: Write, picture: Picture) -> None:
    reader = CocoInstancesReader(str(write_instances()), str(picture(tmp_path / "images" / "9.jpg").parent))
    assert len(reader) == 2 and reader.classes == ("cat", "dog")  # pictures without annotations are left out
    crowded, record = reader.record(0), reader.record(1)
    assert record.name.endswith("instances.json: picture 9") and record.size == (6, 8)
    cat, dog = record.things
    assert (cat.label, cat.box, cat.crowd) == ("cat", (1, 2, 3, 6), False)
    assert (dog.label, dog.box) == ("dog", (4, 0, 6, 2))
    assert [thing.crowd for thing in crowded.things] == [True]
    assert cat.mask is not None and cat.mask()[1:3, 2:6].all() and cat.mask().sum() == 8
    assert record.picture().startswith(b"\x89PNG")


def test_masks_are_those_of_pycocotools(write_instances: Write, tmp_path: Path) -> None:
    path = write_instances()
    known = COCO(str(path))
    reader = CocoInstancesReader(str(path), str(tmp_path))
    things = [thing for number in range(2) for thing in reader.record(number).things]
    for thing, annotation in zip(things, (DOGS, CAT, DOG), strict=True):
        assert thing.mask is not None
        np.testing.assert_array_equal(thing.mask(), known.annToMask(annotation).astype(bool))
        assert thing.mask().any()


def test_the_tasks_that_it_has(write_instances: Write, tmp_path: Path) -> None:
    source = create(str(write_instances()), str(tmp_path))
    rng = np.random.default_rng(0)
    index = next(index for index in range(2) if source.record("train", index).name.endswith("picture 9"))
    found = {
        example.prompt: example for _ in range(20) if (example := source.task("instance", 9).draw("train", index, rng))
    }
    assert set(found) == {"detect: cat <extra_id_0>", "detect: dog <extra_id_0>"}
    cat = found["detect: cat <extra_id_0>"]
    assert cat.target == "1 2 4 6" and cat.box == (1, 2, 3, 6) and cat.mask is not None and cat.mask.sum() == 8
    assert source.task("refer", 9).draw("train", index, rng) is None  # nobody called them anything
    assert source.task("detect", 9).draw("train", 1 - index, rng) is None  # a crowd's boxes are not all there
    assert source.task("instance", 9).draw("train", 1 - index, rng) is None
    assert sorted(source.labels("train", index)) == [0, 1]


@pytest.mark.parametrize(
    ("corners", "box"),
    [
        ((1.4, 1.6, 2.2, 1.0), (2, 1, 3, 4)),
        ((3.1, 2.1, 0.2, 0.3), (2, 3, 3, 4)),  # one pixel at least
        ((-1.0, -2.0, 3.0, 4.0), (0, 0, 2, 2)),
        ((7.9, 5.9, 0.2, 0.2), (5, 7, 6, 8)),
    ],
)
def test_boxes_of_whole_pixels(corners: tuple[float, ...], box: tuple[int, ...]) -> None:
    assert whole_box(corners, (6, 8), "here") == box


@pytest.mark.parametrize(
    "corners", [(9.0, 1, 2, 2), (1, 1, -3, 2), (float("nan"), 1, 2, 2), (1, -5, 2, 2), (1, 1, float("inf"), 2)]
)
def test_boxes_outside_are_refused(corners: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match=r"here: 'bbox' .* is empty or outside a picture of 6x8"):
        whole_box(corners, (6, 8), "here")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bbox": [1, 2, 3]}, r"annotations\[0\]: 'bbox' should have 4 numbers, not 3"),
        ({"category_id": 5}, r"annotations\[0\]: 'category_id' 5 is no category of the file"),
        ({"segmentation": [[1, 1, 2, 2]]}, r"'segmentation': a polygon of 4 numbers"),
        ({"segmentation": [7]}, r"'segmentation': \[0\] should be a list, not the number 7"),
        ({"segmentation": {"size": [6, 8], "counts": [3, 2]}}, r"'segmentation': runs of 5 pixels in all"),
        (
            {"segmentation": {"size": [8, 6], "counts": [48]}},
            r"a list \[8, 6\], the picture's are \(6, 8\)",
        ),
        ({"segmentation": {"counts": [48]}}, r"'segmentation': run lengths: no field 'size'. Choose from counts"),
        ({"segmentation": {"size": [6, 8], "counts": [1.5]}}, r"'segmentation': a count should be a whole number"),
        ({"segmentation": {"size": [6, 8], "counts": "\u00e9"}}, r"'segmentation': run lengths have a character"),
        ({"segmentation": [[1, 1, 2e9, 2, 3, 3]]}, r"'segmentation': a polygon's point \(2e\+09, 2\) is far outside"),
    ],
)
def test_what_is_wrong_is_named(change: dict[str, Any], told: str, write_instances: Write, tmp_path: Path) -> None:
    reader = CocoInstancesReader(str(write_instances({**CAT, **change})), str(tmp_path))
    with pytest.raises(DataError, match=told):
        for thing in reader.record(0).things:
            assert thing.mask is not None
            thing.mask()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"images": []}, r"annotations\[0\]: 'image_id' 9 is no picture of the file"),
        ({"categories": [{"id": 17}]}, r"categories\[0\]: no field 'name'. Choose from id"),
        ({"annotations": []}, "it has no annotations"),
        ({"annotations": [{"image_id": 9}]}, r"annotations\[0\]: no field 'id'. Choose from image_id"),
    ],
)
def test_wrong_files_are_named(changes: dict[str, Any], told: str, write_instances: Write, tmp_path: Path) -> None:
    reader = CocoInstancesReader(str(write_instances(**changes)), str(tmp_path))
    with pytest.raises(DataError, match=rf"instances.json: {told}"):
        len(reader)


def test_an_empty_mask_is_passed_over_and_noted(write_instances: Write, tmp_path: Path) -> None:
    hollow = {**CAT, "segmentation": {"size": [6, 8], "counts": [48]}}
    source = create(str(write_instances(hollow)), str(tmp_path))
    assert source.task("instance", 9).draw("train", 0, np.random.default_rng(0)) is None
    assert "picture 9: the mask of a cat is empty" in next(iter(source.skips.lines))
