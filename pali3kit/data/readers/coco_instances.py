"""Objects with boxes and masks in COCO's `instances_*.json`, which RefCOCO's expressions point into."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import cached_property, partial
from pathlib import Path

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.fields import field, mapping, nonblank, numbers, read_json, shown
from pali3kit.data.reader import Files, existing, picture_in
from pali3kit.data.readers.coco import Id, by_id, coco_files, identity, on_pictures, size_of
from pali3kit.data.readers.coco_masks import read_mask
from pali3kit.data.readers.left_out import LeftOut
from pali3kit.data.readers.refs import held_out_pictures, sets_in
from pali3kit.data.record import Record, Thing
from pali3kit.data.task import Box
from pali3kit.errors import DataError
from pali3kit.images.decode import Size
from pali3kit.registry import SOURCE


class Instances:
    """One file: `images[]: id, file_name, height, width`, `categories[]: id, name`, `annotations[]: id, image_id,
    category_id, bbox (x, y, width, height), segmentation (polygons or run lengths), iscrowd`.

    Attributes:
        pictures: the entry of each picture, by its id.
        classes: names by category.
        annotations: each with its place in the file. What says of no picture that it is on it is left out.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.left = path, LeftOut()
        content = mapping(read_json(path), str(path))
        self.pictures = by_id(self.left, content, "images", str(path))
        categories = by_id(self.left, content, "categories", str(path))
        self.classes: dict[Id, str] = {}
        faults = self.left.faults
        for number, (at, entry) in categories.items():
            try:
                self.classes[number] = nonblank(entry, "name", at)
            except DataError as error:
                self.left.fault(error)
        self.left.judge(faults, len(categories))
        annotations = self.left.sound(content, "annotations", str(path))
        self.annotations = [located for _, located in on_pictures(self.left, annotations, self.pictures)]

    @cached_property
    def _numbers(self) -> dict[Id, list[int]]:
        """Where the annotations of each id are."""
        found: dict[Id, list[int]] = defaultdict(list)
        for number, (where, annotation) in enumerate(self.annotations):
            with suppress(DataError):  # none that anybody could ask for
                found[identity(annotation, "id", where)].append(number)
        return found

    def find(self, annotation: Id, asked: str) -> int:
        """Which annotation has an id. Raises DataError, `asked` being whose word it is, where it is none or several."""
        found = self._numbers.get(annotation, [])
        if len(found) != 1:
            places = (
                f"the id of {' and '.join(self.annotations[n][0] for n in found)}" if found else f"not in {self.path}"
            )
            raise DataError(f"{asked} {annotation} is {places}.")
        return found[0]

    def picture(self, number: int) -> Id:
        """The picture that an annotation is on."""
        where, known = self.annotations[number]
        return identity(known, "image_id", where)

    def file(self, picture: Id) -> tuple[str, Size]:
        """The file and (height, width) of a picture. Raises DataError, naming the place, where they are not told."""
        where, image = self.pictures[picture]
        return field(image, "file_name", str, where), size_of(image, where)

    def thing(self, number: int, expressions: Sequence[str] = ()) -> Thing:
        """An annotated object. Raises DataError, naming the place, where it cannot be used."""
        where, known = self.annotations[number]
        size = self.file(self.picture(number))[1]
        category = identity(known, "category_id", where)
        if category not in self.classes:
            raise DataError(f"{where}: 'category_id' {category} is no category of the file.")
        corners = numbers(field(known, "bbox", list, where), 4, f"{where}: 'bbox'")
        shape = known.get("segmentation")
        mask = partial(read_mask, shape, size, f"{where}: 'segmentation'") if shape else None
        box, crowd = whole_box(corners, size, where), _crowd(known, where)
        return Thing(self.classes[category], box, mask, tuple(expressions), crowd)


def _crowd(known: Mapping[str, object], where: str) -> bool:
    """`iscrowd`: 1, however it is written, where it is written."""
    crowd = known.get("iscrowd")
    if crowd not in (None, 0, 1):  # False and True, 0.0 and 1.0 too
        raise DataError(f"{where}: 'iscrowd' should be 0 or 1, not {shown(crowd)}.")
    return bool(crowd)


class CocoInstancesReader(Files):
    """The pictures that have annotations, in the order of the file.

    Those that RefCOCO's sets in the folder `without` validate or test on are left out.
    """

    version = 2
    languages = ()

    def __init__(self, path: str, images: str, without: str | None = None) -> None:
        super().__init__(existing(path), *(sets_in(without).values() if without else ()))
        self.images, self.without = existing(images, "folder"), without

    @property
    def damages(self) -> Sequence[str]:
        return self.known.left.told() if "known" in self.__dict__ else ()

    @cached_property
    def known(self) -> Instances:
        return Instances(self.files[0])

    @cached_property
    def pictures(self) -> list[tuple[Id, list[int]]]:
        """Pictures with their annotations."""
        found: dict[Id, list[int]] = defaultdict(list)
        tested = held_out_pictures(self.without) if self.without else frozenset()
        for annotation in range(len(self.known.annotations)):
            picture = self.known.picture(annotation)
            if picture not in tested:
                found[picture].append(annotation)
        if not found:
            what = f" but for pictures that {self.without} tests on" if tested else ""
            raise DataError(f"{self.files[0]}: it has no annotations{what}")
        return [(picture, found[picture]) for picture in self.known.pictures if picture in found]

    @property
    def classes(self) -> tuple[str, ...]:
        """Categories of one name are one class."""
        return tuple(dict.fromkeys(self.known.classes.values()))

    def __len__(self) -> int:
        return len(self.pictures)

    def record(self, number: int) -> Record:
        picture, annotations = self.pictures[number]
        file, size = self.known.file(picture)
        things = tuple(self.known.thing(annotation) for annotation in annotations)
        return Record(
            f"{self.files[0]}: picture {picture}", picture_in(self.images, *coco_files(file)), size, things=things
        )


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
