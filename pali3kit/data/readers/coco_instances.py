"""Objects with boxes and masks in COCO's `instances_*.json`, whose annotations RefCOCO's expressions refer to."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial, reduce
from pathlib import Path

import numpy as np

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import field, mapping, nonblank, numbers, read_json, shown, typed
from pali3kit.data.reader import Files, image_folder, image_in, require_path
from pali3kit.data.readers.coco import Id, by_id, coco_files, read_id, read_image_size, with_image
from pali3kit.data.readers.refs import find_sets, held_out_images, read_refs
from pali3kit.data.readers.skipped import SkippedEntries
from pali3kit.data.record import Record, Thing
from pali3kit.data.task import Box
from pali3kit.errors import DataError
from pali3kit.images.decode import Size
from pali3kit.masks.shapes import polygons_mask, read_runs, runs_mask
from pali3kit.registry import SOURCE
from pali3kit.storage.paths import file_here


class Instances:
    """One file: `images[]: id, file_name, height, width`, `categories[]: id, name`, `annotations[]: id, image_id,
    category_id, bbox (x, y, width, height), segmentation (polygons or run lengths), iscrowd`.

    Attributes:
        image_entries: the entry of each image, by its id.
        classes: class names by category id.
        annotations: each with its place in the file; those without a known image are skipped.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.skipped = path, SkippedEntries()
        content = mapping(read_json(path), str(path))
        self.image_entries = by_id(self.skipped, content, "images", str(path))
        categories = by_id(self.skipped, content, "categories", str(path))
        self.classes: dict[Id, str] = {}
        before = self.skipped.num_errors
        for number, (at, entry) in categories.items():
            try:
                self.classes[number] = nonblank(entry, "name", at)
            except DataError as error:
                self.skipped.add_error(error)
        self.skipped.check_share(before, len(categories))
        annotations = self.skipped.mappings(content, "annotations", str(path))
        self.annotations = [located for _, located in with_image(self.skipped, annotations, self.image_entries)]

    @cached_property
    def _numbers(self) -> dict[Id, list[int]]:
        """Positions in `annotations` by annotation id."""
        found: dict[Id, list[int]] = defaultdict(list)
        for number, (where, annotation) in enumerate(self.annotations):
            with suppress(DataError):  # without a valid id it cannot be referred to
                found[read_id(annotation, "id", where)].append(number)
        return found

    def find(self, annotation: Id, asked: str) -> int:
        """The position of the annotation with this id. Raises DataError, `asked` naming the place, if not unique."""
        found = self._numbers.get(annotation, [])
        if len(found) != 1:
            places = (
                f"the id of {' and '.join(self.annotations[n][0] for n in found)}" if found else f"not in {self.path}"
            )
            raise DataError(f"{asked} {annotation} is {places}.")
        return found[0]

    def image_of(self, number: int) -> Id:
        """The image id of an annotation."""
        where, entry = self.annotations[number]
        return read_id(entry, "image_id", where)

    def file(self, image: Id) -> tuple[str, Size]:
        """The file name and (height, width) of an image. Raises DataError, naming the place, if they are missing."""
        where, entry = self.image_entries[image]
        return field(entry, "file_name", str, where), read_image_size(entry, where)

    def thing(self, number: int, expressions: Sequence[str] = ()) -> Thing:
        """An annotated object. Raises DataError, naming the place, if it cannot be used."""
        where, entry = self.annotations[number]
        size = self.file(self.image_of(number))[1]
        category = read_id(entry, "category_id", where)
        if category not in self.classes:
            raise DataError(f"{where}: 'category_id' {category} is no category of the file.")
        corners = numbers(field(entry, "bbox", list, where), 4, f"{where}: 'bbox'")
        shape = entry.get("segmentation")
        mask = partial(read_mask, shape, size, f"{where}: 'segmentation'") if shape else None
        box, crowd = to_pixel_box(corners, size, where), _is_crowd(entry, where)
        return Thing(self.classes[category], box, mask, tuple(expressions), crowd)


def _is_crowd(entry: Mapping[str, object], where: str) -> bool:
    crowd = entry.get("iscrowd")
    if crowd not in (None, 0, 1):  # also accepts False, True, 0.0 and 1.0
        raise DataError(f"{where}: 'iscrowd' should be 0 or 1, not {shown(crowd)}.")
    return bool(crowd)


class _CocoInstancesReader(Files):
    """The images that have annotations, in the order of the file.

    Images in the validation and test splits of the RefCOCO sets in the folder `without` are left out.
    """

    version = 2
    languages = ()

    def __init__(self, path: str, images: str, without: str | None = None) -> None:
        super().__init__(require_path(path), *map(file_here, find_sets(without).values() if without else ()))
        self.image_folder, self.without = image_folder(images), without

    @property
    def damages(self) -> Sequence[str]:
        return self.known.skipped.messages() if "known" in self.__dict__ else ()

    @cached_property
    def known(self) -> Instances:
        return Instances(self.files[0])

    @cached_property
    def entries(self) -> list[tuple[Id, list[int]]]:
        """The id of each image and the positions of its annotations."""
        found: dict[Id, list[int]] = defaultdict(list)
        held_out = self._held_out()
        for annotation in range(len(self.known.annotations)):
            image = self.known.image_of(annotation)
            if image not in held_out:
                found[image].append(annotation)
        if not found:
            what = f" except on test images of {self.without}" if held_out else ""
            raise DataError(f"{self.files[0]}: it has no annotations{what}")
        return [(image, found[image]) for image in self.known.image_entries if image in found]

    def _held_out(self) -> frozenset[Id]:
        return held_out_images({path: read_refs(path) for path in self.files[1:]})

    @property
    def classes(self) -> tuple[str, ...]:
        """Category names; categories with the same name are one class."""
        return tuple(dict.fromkeys(self.known.classes.values()))

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        image, annotations = self.entries[number]
        file, size = self.known.file(image)
        things = tuple(self.known.thing(annotation) for annotation in annotations)
        return Record(
            f"{self.files[0]}: image {image}", image_in(self.image_folder, *coco_files(file)), size, things=things
        )


def to_pixel_box(corners: Sequence[float], size: Size, where: str) -> Box:
    """Round a box (x, y, width, height) to whole pixels (y0, x0, y1, x1), at least one pixel wide and high.

    Raises:
        DataError: it lies outside the image.
    """
    x, y, width, height = corners
    (top, bottom), (left, right) = _round_side(y, y + height, size[0]), _round_side(x, x + width, size[1])
    if top >= bottom or left >= right:
        raise DataError(f"{where}: 'bbox' {list(corners)} is empty or outside an image of {size[0]}x{size[1]}")
    return top, left, bottom, right


def _round_side(low: float, high: float, side: int) -> tuple[int, int]:
    if not (-math.inf < low <= high < math.inf and high >= 0 and low <= side):  # also false for NaN
        return 0, 0
    start, end = max(round(low), 0), min(round(high), side)
    return (start, end) if start < end else (min(start, side - 1), min(start, side - 1) + 1)


def read_mask(shape: object, size: Size, where: str) -> np.ndarray:
    """A bool mask `[H,W]`: a polygon, a run-length encoding (compressed or not), or the union of several of either.

    Raises:
        DataError: it is malformed or of another size; `where` names it.
    """
    try:
        if not isinstance(shape, list):
            return _runs_mask(mapping(shape, "run lengths"), size)
        if shape and all(isinstance(part, dict) for part in shape):
            return reduce(np.logical_or, [_runs_mask(part, size) for part in shape])
        parts = [typed(part, list, f"[{i}]") for i, part in enumerate(shape if _is_nested(shape) else [shape])]
        return polygons_mask([numbers(part, len(part), "a polygon") for part in parts], *size)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _is_nested(shape: Sequence[object]) -> bool:
    """Whether this is a list of polygons and not the coordinates of one."""
    return any(isinstance(part, list) for part in shape) or len(shape) < 6


def _runs_mask(runs: Mapping[str, object], size: Size) -> np.ndarray:
    if numbers(field(runs, "size", list, "run lengths"), 2, "'size'") != size:
        raise DataError(f"run lengths of a mask of {shown(runs['size'])} {runs['size']}, but the image is {size}")
    counts = runs.get("counts")
    return runs_mask(read_runs(counts) if isinstance(counts, str) else _counts(counts), *size)


def _counts(counts: object) -> list[int]:
    listed = numbers(counts, len(typed(counts, list, "'counts'")), "'counts'")
    if not all(map(float.is_integer, listed)):  # some tools write 10.0
        raise DataError("a count should be a whole number")
    return [int(count) for count in listed]


@SOURCE.register(
    "coco_instances",
    "objects with boxes and masks: COCO",
    annotations=("things", "masks"),
    files=("path", "test"),
    folders=("images", "without", "test_images"),
)
def _create(
    path: str,
    images: str,
    without: str | None = None,
    test: str | None = None,
    test_images: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `coco_instances`, without the validation and test images of the RefCOCO sets in `without`."""
    held = _CocoInstancesReader(test, test_images or images) if test else None
    return AnnotatedSource(_CocoInstancesReader(path, images, without), held)
