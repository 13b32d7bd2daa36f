"""Objects with boxes and masks in COCO's `instances_*.json`, which RefCOCO's expressions point into."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property, partial
from pathlib import Path

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import each, field, mapping, numbers, read_json, shown, typed
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.readers.refs import held_out_pictures, sets_in
from pali3kit.data.record import Record, Thing
from pali3kit.data.task import Box
from pali3kit.errors import DataError
from pali3kit.masks.shapes import polygons_mask, read_runs, runs_mask
from pali3kit.registry import SOURCE

Size = tuple[int, int]


class Instances:
    """One file: `images[]: id, file_name, height, width`, `categories[]: id, name`, `annotations[]: id, image_id,
    category_id, bbox (x, y, width, height), segmentation (polygons or run lengths), iscrowd`.

    Attributes:
        pictures: file and (height, width) of each picture.
        classes: names by category.
        annotations: each with its place in the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        content = mapping(read_json(path), str(path))
        self.pictures: dict[int, tuple[str, Size]] = {}
        for where, image in each(content, "images", str(path)):
            size = field(image, "height", int, where), field(image, "width", int, where)
            self.pictures[field(image, "id", int, where)] = field(image, "file_name", str, where), size
        self.classes = {
            field(category, "id", int, where): field(category, "name", str, where)
            for where, category in each(content, "categories", str(path))
        }
        self.annotations = {
            field(annotation, "id", int, where): (where, annotation)
            for where, annotation in each(content, "annotations", str(path))
        }

    def picture(self, annotation: int) -> int:
        """The picture that an annotation is on."""
        where, known = self.annotations[annotation]
        picture = field(known, "image_id", int, where)
        if picture not in self.pictures:
            raise DataError(f"{where}: 'image_id' {picture} is no picture of the file.")
        return picture

    def thing(self, annotation: int, expressions: Sequence[str] = ()) -> Thing:
        """An annotated object. Raises DataError, naming the place, where it cannot be used."""
        where, known = self.annotations[annotation]
        size = self.pictures[self.picture(annotation)][1]
        category = field(known, "category_id", int, where)
        if category not in self.classes:
            raise DataError(f"{where}: 'category_id' {category} is no category of the file.")
        corners = numbers(field(known, "bbox", list, where), 4, f"{where}: 'bbox'")
        shape = known.get("segmentation")
        mask = partial(_mask, shape, size, f"{where}: 'segmentation'") if shape else None
        crowd = bool(known.get("iscrowd", 0))
        return Thing(self.classes[category], whole_box(corners, size, where), mask, tuple(expressions), crowd)


class CocoInstancesReader(Files):
    """The pictures that have annotations, in the order of the file.

    Those that RefCOCO's sets in the folder `without` validate or test on are left out.
    """

    def __init__(self, path: str, images: str, without: str | None = None) -> None:
        super().__init__(existing(path), *(sets_in(without).values() if without else ()))
        self.images, self.without = existing(images, "folder"), without

    @cached_property
    def known(self) -> Instances:
        return Instances(self.files[0])

    @cached_property
    def pictures(self) -> list[tuple[int, list[int]]]:
        """Pictures with their annotations."""
        found: dict[int, list[int]] = defaultdict(list)
        tested = held_out_pictures(self.without) if self.without else frozenset()
        for annotation in self.known.annotations:
            picture = self.known.picture(annotation)
            if picture not in tested:
                found[picture].append(annotation)
        if not found:
            what = f" but for pictures that {self.without} tests on" if tested else ""
            raise DataError(f"{self.files[0]}: it has no annotations{what}")
        return [(picture, found[picture]) for picture in self.known.pictures if picture in found]

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(self.known.classes.values())

    def __len__(self) -> int:
        return len(self.pictures)

    def record(self, number: int) -> Record:
        picture, annotations = self.pictures[number]
        file, size = self.known.pictures[picture]
        things = tuple(self.known.thing(annotation) for annotation in annotations)
        return Record(f"{self.files[0]}: picture {picture}", picture_in(self.images, file), size, things=things)


def whole_box(corners: Sequence[float], size: Size, where: str) -> Box:
    """The box of whole pixels nearest to x, y, width, height, one pixel wide and high at least.

    Raises:
        DataError: it lies outside the picture.
    """
    x, y, width, height = corners
    (top, bottom), (left, right) = _side(y, y + height, size[0]), _side(x, x + width, size[1])
    if top >= bottom or left >= right:
        raise DataError(f"{where}: 'bbox' {list(corners)} is empty or outside a picture of {size[0]}x{size[1]}")
    return top, left, bottom, right


def _side(low: float, high: float, side: int) -> tuple[int, int]:
    if not (-math.inf < low <= high < math.inf and high >= 0 and low <= side):  # NaN too
        return 0, 0
    start, end = max(round(low), 0), min(round(high), side)
    return (start, end) if start < end else (min(start, side - 1), min(start, side - 1) + 1)


def _mask(shape: object, size: Size, where: str) -> np.ndarray:
    """A bool mask `[H,W]` of polygons, or of run lengths, compressed or not."""
    try:
        if isinstance(shape, list):
            polygons = [typed(polygon, list, f"[{i}]") for i, polygon in enumerate(shape)]
            return polygons_mask([numbers(polygon, len(polygon), "a polygon") for polygon in polygons], *size)
        runs = mapping(shape, "run lengths")
        if numbers(field(runs, "size", list, "run lengths"), 2, "'size'") != size:
            raise DataError(f"run lengths of a mask of {shown(runs['size'])} {runs['size']}, the picture's are {size}")
        counts = runs.get("counts")
        listed = read_runs(counts) if isinstance(counts, str) else typed(counts, list, "'counts'")
        return runs_mask([typed(count, int, "a count") for count in listed], *size)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


@SOURCE.register(
    "coco_instances",
    "objects with boxes and masks: COCO",
    tells=("things", "masks"),
    files=("path", "test"),
    folders=("images", "without", "test_images"),
)
def create(
    path: str,
    images: str,
    without: str | None = None,
    test: str | None = None,
    test_images: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `coco_instances`, less the pictures that RefCOCO's sets in the folder `without` test on."""
    held = CocoInstancesReader(test, test_images or images) if test else None
    return AnnotatedSource(CocoInstancesReader(path, images, without), held)
