"""Objects with boxes and, in one kind of table, masks: the CSV files of Open Images."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property, partial

import numpy as np
from PIL import Image

from pali3kit.data.annotated import AnnotatedSource
from pali3kit.data.lines import Lines
from pali3kit.data.reader import Files, image_folder, image_in, require_path
from pali3kit.data.readers.coco_instances import to_pixel_box
from pali3kit.data.readers.skipped import SkippedEntries
from pali3kit.data.record import Record, Thing
from pali3kit.data.table import DelimitedTable
from pali3kit.errors import DataError, choose, nearest
from pali3kit.images.decode import Size, decode_image, in_proportion, read_size
from pali3kit.registry import SOURCE
from pali3kit.storage.remote import AnyPath
from pali3kit.text.plain import read_text, split_lines

BOX = ("XMin", "YMin", "XMax", "YMax")
MASK_BOX = tuple(f"Box{side}" for side in BOX)
ID = re.compile(rb"\"?([0-9a-fA-F]{1,16})\"?")


class _OpenImagesReader(Files):
    """Images `<ImageID>.jpg` in `images` with their rows of one of two tables, recognized by their columns:

    - `*-annotations-bbox.csv`: `ImageID, LabelName, XMin, XMax, YMin, YMax, IsGroupOf`.
    - `*-annotations-object-segmentation.csv`: `MaskPath, ImageID, LabelName, BoxXMin, ...`; the PNGs are in `masks`.

    Coordinates are fractions of the sides of the image as it is stored, before EXIF rotation
    (storage.googleapis.com/openimages/web/2018-05-17-rotation-information.html). `classes` is
    `class-descriptions-boxable.csv`: `LabelName,DisplayName`. Only the offsets of the rows are kept in memory, 24 bytes
    each.
    """

    def __init__(self, path: str, images: str, classes: str, masks: str | None = None) -> None:
        super().__init__(require_path(path), require_path(classes))
        self.path, self.image_folder = self.files[0], image_folder(images)
        self.masks = image_folder(masks) if masks else None
        self.rows = DelimitedTable(Lines([self.path]), ",")
        self.skipped = SkippedEntries()

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The column names, checked to contain all that are needed."""
        found = self.rows.names
        if not found:
            raise DataError(f"{self.path}: it is empty, or its first line has no names")
        self.rows.check_names()
        sides = MASK_BOX if "MaskPath" in found else BOX
        for name in ("ImageID", "LabelName", *sides):
            if name not in found:
                raise DataError(f"{self.path}: no column '{name}'.{choose(name, found)}")
        if "MaskPath" in found and self.masks is None:
            raise DataError(f"{self.path} has masks: `masks` should name the folder with their PNGs")
        return found

    @cached_property
    def names(self) -> dict[str, str]:
        """Display names by LabelName."""
        try:
            rows = [row for row in csv.reader(split_lines(read_text(self.files[1]))) if row]
        except csv.Error as error:
            raise DataError(f"{self.files[1]}: not a readable table: {error}") from error
        found: dict[str, str] = {}
        for row in rows:
            if len(row) != 2 or not row[1].strip():
                raise DataError(f"{self.files[1]}: each line should be a LabelName and a DisplayName, not {row}")
            if row[0] != "LabelName" and found.setdefault(*row) != row[1]:
                raise DataError(f"{self.files[1]}: {row[0][:40]} is {found[row[0]][:40]} and {row[1][:40]}")
        return found

    @property
    def classes(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.names.values()))

    @cached_property
    def rows_by_image(self) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers grouped by image, and the offset of each image's group and of the end: int64."""
        found = np.fromiter(self._ids(self.columns.index("ImageID")), [("row", np.int64), ("id", np.uint64)])
        self.skipped.check_share(0, len(self.rows))
        if not len(found):
            raise DataError(f"{self.path}: it has no rows")
        rows, ids = found["row"], found["id"]
        order = np.argsort(ids, kind="stable")
        starts = np.flatnonzero(np.diff(ids[order])) + 1
        return rows[order], np.concatenate([[0], starts, [len(ids)]])

    def _ids(self, column: int) -> Iterator[tuple[int, int]]:
        """Yield the rows with a valid image id, and that id as a number."""
        for row in range(len(self.rows)):
            try:
                yield row, self._id(row, column)
            except DataError as error:
                self.skipped.add_error(error)

    @property
    def damages(self) -> Sequence[str]:
        return self.skipped.messages()

    def _id(self, row: int, column: int) -> int:
        cells = self.rows.first_line(row).split(b",", column + 1)
        if len(cells) <= column or not (found := ID.fullmatch(cells[column].strip())):
            raise DataError(f"{self.rows.where(row)}: no ImageID of 16 hexadecimal digits")
        return int(found[1], 16)

    def __len__(self) -> int:
        return len(self.rows_by_image[1]) - 1

    def record(self, number: int) -> Record:
        order, starts = self.rows_by_image
        rows = [int(row) for row in order[starts[number] : starts[number + 1]]]
        image = self.rows[rows[0]]["ImageID"]
        name, read_image = f"{self.path}: image {image}", image_in(self.image_folder, f"{image}.jpg")
        size = read_size(read_image(), name, upright=False)
        return Record(name, read_image, size, things=tuple(self._thing(row, size) for row in rows), stored=True)

    def _thing(self, row: int, size: Size) -> Thing:
        cells, where = self.rows[row], self.rows.where(row)
        label = cells["LabelName"]
        if label not in self.names:
            raise DataError(f"{where}: {self.files[1]} has no class '{label}'.{nearest(label, self.names)}")
        box, mask = self._box(cells, size, where), None
        if "MaskPath" in cells and self.masks is not None:
            mask = partial(_read_mask, self.masks, cells["MaskPath"], size)
        return Thing(self.names[label], box, mask, crowd=cells.get("IsGroupOf") == "1")

    def _box(self, cells: Mapping[str, str], size: Size, where: str) -> tuple[int, int, int, int]:
        names = MASK_BOX if "MaskPath" in cells else BOX
        try:
            left, top, right, bottom = (float(cells[name]) for name in names)
        except ValueError as error:
            raise DataError(f"{where}: {', '.join(names)} should be numbers: {error}") from None
        height, width = size
        return to_pixel_box((left * width, top * height, (right - left) * width, (bottom - top) * height), size, where)


def _read_mask(folder: AnyPath, name: str, size: Size) -> np.ndarray:
    """A bool mask `[H,W]` from a black-and-white PNG, which may be smaller or larger than the image."""
    mask = decode_image(image_in(folder, name)(), f"{folder}/{name}").convert("L")
    if not in_proportion((mask.height, mask.width), size):
        raise DataError(f"{folder}/{name}: a mask of {mask.height}x{mask.width} for an image of {size[0]}x{size[1]}")
    return np.asarray(mask.resize((size[1], size[0]), Image.Resampling.NEAREST)) > 127


@SOURCE.register(
    "open_images",
    "objects with boxes and masks: Open Images",
    annotations=("things", "masks"),
    files=("path", "classes", "test"),
    folders=("images", "masks", "test_images", "test_masks"),
)
def _create(
    path: str,
    images: str,
    classes: str,
    masks: str | None = None,
    test: str | None = None,
    test_images: str | None = None,
    test_masks: str | None = None,
    image_size: int = 0,
) -> AnnotatedSource:
    """The registry's `open_images`: `*-annotations-bbox.csv`, or `*-object-segmentation.csv` with the PNGs in `masks`.

    `classes` is `class-descriptions-boxable.csv`.
    """
    held = _OpenImagesReader(test, test_images or images, classes, test_masks or masks) if test else None
    return AnnotatedSource(_OpenImagesReader(path, images, classes, masks), held)
