"""COCO's instances."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools.coco import COCO

from pali3kit.data.readers.coco_instances import _CocoInstancesReader, _create, to_pixel_box
from pali3kit.errors import DataError

from .conftest import CAT, DOG, DOGS

Write = Callable[..., Path]
Image = Callable[..., Path]


def test_records_have_boxes_masks_and_sizes(tmp_path: Path, write_instances: Write, image: Image) -> None:
    reader = _CocoInstancesReader(str(write_instances()), str(image(tmp_path / "images" / "9.jpg").parent))
    assert len(reader) == 2 and reader.classes == ("cat", "dog")  # images without annotations are left out
    crowded, record = reader.record(0), reader.record(1)
    assert record.name.endswith("instances.json: image 9") and record.size == (6, 8)
    cat, dog = record.things
    assert (cat.label, cat.box, cat.crowd) == ("cat", (1, 2, 3, 6), False)
    assert (dog.label, dog.box) == ("dog", (4, 0, 6, 2))
    assert [thing.crowd for thing in crowded.things] == [True]
    assert cat.mask is not None and cat.mask()[1:3, 2:6].all() and cat.mask().sum() == 8
    assert record.read_image().startswith(b"\x89PNG")


def test_masks_are_those_of_pycocotools(write_instances: Write, tmp_path: Path) -> None:
    path = write_instances()
    known = COCO(str(path))
    reader = _CocoInstancesReader(str(path), str(tmp_path))
    things = [thing for number in range(2) for thing in reader.record(number).things]
    for thing, annotation in zip(things, (DOGS, CAT, DOG), strict=True):
        assert thing.mask is not None
        np.testing.assert_array_equal(thing.mask(), known.annToMask(annotation).astype(bool))
        assert thing.mask().any()


def test_the_tasks_it_supports(write_instances: Write, tmp_path: Path) -> None:
    source = _create(str(write_instances()), str(tmp_path))
    rng = np.random.default_rng(0)
    index = next(index for index in range(2) if source.record("train", index).name.endswith("image 9"))
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
def test_boxes_are_rounded_to_pixels(corners: tuple[float, ...], box: tuple[int, ...]) -> None:
    assert to_pixel_box(corners, (6, 8), "here") == box


@pytest.mark.parametrize(
    "corners", [(9.0, 1, 2, 2), (1, 1, -3, 2), (float("nan"), 1, 2, 2), (1, -5, 2, 2), (1, 1, float("inf"), 2)]
)
def test_boxes_outside_are_refused(corners: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match=r"here: 'bbox' .* is empty or outside an image of 6x8"):
        to_pixel_box(corners, (6, 8), "here")


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bbox": [1, 2, 3]}, r"annotations\[0\]: 'bbox' should have 4 numbers, not 3"),
        ({"category_id": 5}, r"annotations\[0\]: 'category_id' 5 is no category of the file"),
        ({"bbox": None}, r"annotations\[0\]: 'bbox' should be a list, not nothing"),
        (
            {"bbox": [1, float("nan"), 3, 4]},
            r"annotations\[0\]: 'bbox'\[1\] should be a finite number, not the number nan",
        ),
        ({"bbox": [1, 2, 10**400, 4]}, r"annotations\[0\]: 'bbox'\[2\] should be a finite number"),
        ({"bbox": [1, 2, -3, 4]}, r"annotations\[0\]: 'bbox' .* is empty or outside"),
        ({"iscrowd": "0"}, r"annotations\[0\]: 'iscrowd' should be 0 or 1, not the text '0'"),
        ({"iscrowd": 2}, r"annotations\[0\]: 'iscrowd' should be 0 or 1, not the number 2"),
        ({"category_id": None}, r"annotations\[0\]: 'category_id' should be a whole number or a name, not nothing"),
        ({"segmentation": [[1, 1, 2, 2]]}, r"'segmentation': a polygon of 4 numbers"),
        ({"segmentation": [[], [1, 1]]}, r"'segmentation': a polygon of 2 numbers: it needs x and y of three points"),
        ({"segmentation": [[1, 1, 2, 2, 3, 1, 4]]}, r"'segmentation': a polygon of 7 numbers: each point has x and y"),
        (
            {"segmentation": [[1, 1, 2, float("nan"), 3, 1]]},
            r"'segmentation': a polygon\[3\] should be a finite number",
        ),
        ({"segmentation": [[1, 1, 2, True, 3, 1]]}, r"'segmentation': a polygon\[3\] should be a number, not true"),
        ({"segmentation": [[1, 1, 2, 2, 3, 1], {}]}, r"'segmentation': \[1\] should be a list, not a mapping"),
        ({"segmentation": "x"}, r"'segmentation': run lengths: this should be a mapping, not the text 'x'"),
        ({"segmentation": {"size": [6, 8]}}, r"'segmentation': 'counts' should be a list, not nothing"),
        ({"segmentation": {"size": [6, float("inf")], "counts": [48]}}, r"'size'\[1\] should be a finite number"),
        ({"segmentation": {"size": [6, 8], "counts": [10**30]}}, r"'segmentation': runs of \d+ pixels in all"),
        ({"segmentation": {"size": [6, 8], "counts": "o" * 99}}, r"run lengths have a number of more than 60 bits"),
        ({"segmentation": [7]}, r"'segmentation': \[0\] should be a list, not the number 7"),
        ({"segmentation": {"size": [6, 8], "counts": [3, 2]}}, r"'segmentation': runs of 5 pixels in all"),
        (
            {"segmentation": {"size": [8, 6], "counts": [48]}},
            r"a list \[8, 6\], but the image is \(6, 8\)",
        ),
        ({"segmentation": {"counts": [48]}}, r"'segmentation': run lengths: no field 'size'. Choose from counts"),
        ({"segmentation": {"size": [6, 8], "counts": [1.5]}}, r"'segmentation': a count should be a whole number"),
        ({"segmentation": {"size": [6, 8], "counts": "\u00e9"}}, r"'segmentation': run lengths have a character"),
        ({"segmentation": [[1, 1, 2e9, 2, 3, 3]]}, r"'segmentation': a polygon's point \(2e\+09, 2\) is far outside"),
    ],
)
def test_malformed_annotations_are_errors(
    change: dict[str, Any], expected: str, write_instances: Write, tmp_path: Path
) -> None:
    reader = _CocoInstancesReader(str(write_instances({**CAT, **change})), str(tmp_path))
    with pytest.raises(DataError, match=expected):
        for thing in reader.record(0).things:
            assert thing.mask is not None
            thing.mask()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"images": []}, r"annotations\[0\]: 'image_id' 9 is no image of the file"),
        ({"categories": [{"id": 17}]}, r"categories\[0\]: no field 'name'. Choose from id"),
        ({"annotations": []}, "it has no annotations"),
        ({"annotations": [{"id": 9}]}, r"annotations\[0\]: no field 'image_id'. Choose from id"),
        ({"images": [{"id": 9}, {"id": 9}]}, r"images\[1\]: 'id' 9 is already that of .*images\[0\]"),
        (
            {"categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]},
            r"categories\[1\]: 'id' 1 is already that of .*categories\[0\]",
        ),
        ({"categories": [{"id": 17, "name": " "}]}, r"categories\[0\]: 'name' is blank"),
    ],
)
def test_malformed_files_are_errors(
    changes: dict[str, Any], expected: str, write_instances: Write, tmp_path: Path
) -> None:
    reader = _CocoInstancesReader(str(write_instances(**changes)), str(tmp_path))
    with pytest.raises(DataError, match=rf"instances.json: {expected}"):
        len(reader)


def test_an_empty_mask_is_skipped(write_instances: Write, tmp_path: Path) -> None:
    hollow = {**CAT, "segmentation": {"size": [6, 8], "counts": [48]}}
    source = _create(str(write_instances(hollow)), str(tmp_path))
    assert source.task("instance", 9).draw("train", 0, np.random.default_rng(0)) is None
    assert "image 9: the mask of a cat is empty" in next(iter(source.skips.lines))


GOOD = [1, 1, 7, 1, 7, 5, 1, 5]
RUNS = {"size": [6, 8], "counts": [6, 6, 36]}


@pytest.mark.parametrize(
    ("shape", "pixels"),
    [
        ([GOOD], 24),
        ([GOOD, [2, 2, 3, 3]], 24),  # a line, a point and nothing have no area
        ([GOOD, [5.0, 5.0], []], 24),
        ([[2, 2, 3, 3], GOOD], 24),
        (GOOD, 24),
        ([GOOD, GOOD], 24),
        (RUNS, 6),
        ({**RUNS, "size": [6.0, 8.0]}, 6),
        ({**RUNS, "counts": [6.0, 6.0, 36.0]}, 6),
        ([RUNS], 6),
        ([RUNS, {**RUNS, "counts": [12, 6, 30]}], 12),
    ],
)
@pytest.mark.parametrize("crowd", [{}, {"iscrowd": None}, {"iscrowd": 1}])
def test_mask_notations(shape: Any, pixels: int, crowd: dict[str, Any], write_instances: Write, tmp_path: Path) -> None:
    annotation = {name: value for name, value in CAT.items() if name != "iscrowd"} | crowd
    (thing,) = (
        _CocoInstancesReader(str(write_instances({**annotation, "segmentation": shape})), str(tmp_path))
        .record(0)
        .things
    )
    assert thing.mask is not None and thing.mask().sum() == pixels and thing.mask().shape == (6, 8)
    assert thing.crowd is (crowd.get("iscrowd") == 1)


@pytest.mark.parametrize("crowd", [1, 1.0, True])
def test_iscrowd_notations(crowd: Any, write_instances: Write, tmp_path: Path) -> None:
    for value in (crowd, type(crowd)(0)):
        reader = _CocoInstancesReader(str(write_instances({**CAT, "iscrowd": value})), str(tmp_path))
        assert [thing.crowd for thing in reader.record(0).things] == [bool(value)]


@pytest.mark.parametrize("change", [{"image_id": "9"}, {"image_id": 9.0}, {"category_id": "17"}, {"category_id": 17.0}])
def test_id_notations(change: dict[str, Any], write_instances: Write, tmp_path: Path) -> None:
    reader = _CocoInstancesReader(str(write_instances({**CAT, **change})), str(tmp_path))
    assert [thing.label for thing in reader.record(0).things] == ["cat"]


def test_annotations_with_duplicate_ids_are_all_kept(write_instances: Write, tmp_path: Path) -> None:
    """So are those without an id: nothing refers to it."""
    nameless = {name: value for name, value in DOG.items() if name != "id"}
    reader = _CocoInstancesReader(
        str(write_instances(CAT, {**DOG, "id": 11}, {**DOGS, "id": 11}, nameless)), str(tmp_path)
    )
    found = [[thing.label for thing in reader.record(number).things] for number in range(len(reader))]
    assert found == [["dog"], ["cat", "dog", "dog"]]


def test_categories_with_one_name_are_one_class(write_instances: Write, tmp_path: Path) -> None:
    names = [{"id": 17, "name": "cat"}, {"id": 18, "name": "cat"}, {"id": 19, "name": "dog"}]
    source = _create(str(write_instances(CAT, DOG, categories=names)), str(tmp_path))
    assert source.classes == ("cat", "dog") and source.labels("train", 0) == (0,)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"bbox": [1, float("nan"), 2, 2]}, r"annotations\[7\]: 'bbox'\[1\] should be a finite number"),
        ({"segmentation": {"size": [6, 8], "counts": [1]}}, r"annotations\[7\]: 'segmentation': runs of 1 pixels"),
        ({"category_id": 3}, r"annotations\[7\]: 'category_id' 3 is no category"),
        ({"image_id": 999}, r"annotations\[7\]: 'image_id' 999 is no image of the file"),
    ],
)
def test_one_bad_annotation_of_many_is_reported_alone(
    change: dict[str, Any], expected: str, write_instances: Write, tmp_path: Path
) -> None:
    images = [{"id": n, "file_name": f"{n}.jpg", "height": 6, "width": 8} for n in range(200)]
    annotations = [{**CAT, "id": n, "image_id": n, **(change if n == 7 else {})} for n in range(200)]
    source = _create(str(write_instances(images=images, annotations=annotations)), str(tmp_path))
    task = source.task("instance", 9)
    drawn = [task.draw("train", index, np.random.default_rng(0)) for index in range(source.size("train"))]
    assert sum(example is not None for example in drawn) == 199
    assert [*map(re.compile(expected).search, [*source.skips.lines, *source.damages])] != [None]


@pytest.mark.parametrize("size", [(0, 8), (-6, 8), (6, 1e300), (6, float("nan")), (None, 8), (400_000, 400_000)])
def test_a_bad_size_affects_only_its_image(size: tuple[Any, Any], write_instances: Write, tmp_path: Path) -> None:
    image = {"id": 9, "file_name": "9.jpg", "height": size[0], "width": size[1]}
    runs = {"size": [*size], "counts": [10**11, 6 * 10**10]}
    reader = _CocoInstancesReader(str(write_instances({**CAT, "segmentation": runs}, images=[image])), str(tmp_path))
    with pytest.raises(
        DataError, match=r"images\[0\]: '(height|width)' should be |a mask of 400000x400000: it should have"
    ):
        for thing in reader.record(0).things:
            assert thing.mask is not None
            thing.mask()


@pytest.mark.parametrize("there", ["COCO_train2014_000000000009.jpg", "000000000009.jpg"])
@pytest.mark.parametrize(
    "expected", ["COCO_train2014_000000000009.jpg", "000000000009.jpg", "train2017/000000000009.jpg"]
)
def test_names_of_both_releases_are_one_image(
    there: str, expected: str, write_instances: Write, tmp_path: Path, image: Image
) -> None:
    image(tmp_path / "images" / there)
    path = write_instances(CAT, images=[{"id": 9, "file_name": expected, "height": 6, "width": 8}])
    assert _CocoInstancesReader(str(path), str(tmp_path / "images")).record(0).read_image()


def test_a_nameless_category_affects_only_its_objects(tmp_path: Path, write_instances: Write, image: Image) -> None:
    path = write_instances()
    content = json.loads(path.read_text())
    content["categories"] += [{"id": number, "name": f"c{number}"} for number in range(100, 140)] + [{"id": 7000}]
    path.write_text(json.dumps(content))
    reader = _CocoInstancesReader(str(path), str(image(tmp_path / "images" / "9.jpg").parent))
    assert len(reader.record(1).things) == 2 and len(reader.classes) == 42
    assert [damage.partition(": ")[2] for damage in reader.damages] == [
        "categories[42]: no field 'name'. Choose from id."
    ]
