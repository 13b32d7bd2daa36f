"""Open Images' lists of images that are stored turned, which TextVQA and TextCaps refer to."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from functools import cached_property, partial

from PIL.Image import Image, Transpose

from pali3kit.data.reader import require_path
from pali3kit.errors import DataError
from pali3kit.text.plain import open_unpacked

TURNS: dict[float, Transpose] = {90: Transpose.ROTATE_90, 180: Transpose.ROTATE_180, 270: Transpose.ROTATE_270}
"""Degrees by which an image is turned back, counter-clockwise, as Pillow turns it."""


class Rotations:
    """The file `train-images-boxable-with-rotation.csv`: `ImageID, ..., Rotation`; images in no row are upright.

    Raises:
        DataError: there is no such file.
    """

    def __init__(self, path: str) -> None:
        self.path = require_path(path)

    def require_valid(self) -> None:
        """Raise DataError where a column is missing, or a rotation is none."""
        _ = self._turns

    def turn(self, names: Iterable[str]) -> partial[Image] | None:
        """What turns the stored image that has one of `names` upright; None where it is."""
        return next((partial(_turned, turn=self._turns[name]) for name in names if name in self._turns), None)

    @cached_property
    def _turns(self) -> dict[str, Transpose]:
        found: dict[str, Transpose] = {}
        with open_unpacked(self.path) as file, io.TextIOWrapper(file, "utf-8-sig", "replace", newline="") as text:
            rows = csv.DictReader(text)
            if missing := {"ImageID", "Rotation"} - {*(rows.fieldnames or ())}:
                raise DataError(f"{self.path}: no column '{min(missing)}' among {', '.join(rows.fieldnames or ())}.")
            for row in rows:
                degrees = row["Rotation"]
                if degrees and degrees not in ("0", "0.0"):
                    found[row["ImageID"]] = _turn(degrees, f"{self.path}:{rows.line_num}")
        return found


def _turn(degrees: str, where: str) -> Transpose:
    try:
        return TURNS[float(degrees)]
    except (ValueError, KeyError) as error:
        raise DataError(f"{where}: 'Rotation' should be 0, 90, 180 or 270, not '{degrees[:40]}'.") from error


def _turned(image: Image, turn: Transpose) -> Image:
    return image.transpose(turn)
