"""Masks as COCO's files write them, from JSON: polygons, run lengths, compressed or not, or several of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np

from pali3kit.data.fields import field, mapping, numbers, shown, typed
from pali3kit.errors import DataError
from pali3kit.images.decode import Size
from pali3kit.masks.shapes import polygons_mask, read_runs, runs_mask


def read_mask(shape: object, size: Size, where: str) -> np.ndarray:
    """A bool mask `[H,W]`: one polygon, the union of several, run lengths, or the union of several.

    Raises:
        DataError: it is damaged, or of another size; `where` names it.
    """
    try:
        if not isinstance(shape, list):
            return _runs(mapping(shape, "run lengths"), size)
        if shape and all(isinstance(part, dict) for part in shape):
            return reduce(np.logical_or, [_runs(part, size) for part in shape])
        parts = [typed(part, list, f"[{i}]") for i, part in enumerate(shape if _nested(shape) else [shape])]
        return polygons_mask([numbers(part, len(part), "a polygon") for part in parts], *size)
    except DataError as error:
        raise DataError(f"{where}: {error}") from error


def _nested(shape: Sequence[object]) -> bool:
    """Whether they are polygons, not the numbers of one."""
    return any(isinstance(part, list) for part in shape) or len(shape) < 6


def _runs(runs: Mapping[str, object], size: Size) -> np.ndarray:
    if numbers(field(runs, "size", list, "run lengths"), 2, "'size'") != size:
        raise DataError(f"run lengths of a mask of {shown(runs['size'])} {runs['size']}, the picture's are {size}")
    counts = runs.get("counts")
    return runs_mask(read_runs(counts) if isinstance(counts, str) else _counts(counts), *size)


def _counts(counts: object) -> list[int]:
    """Whole numbers, which some tools write as 10.0."""
    listed = numbers(counts, len(typed(counts, list, "'counts'")), "'counts'")
    if not all(map(float.is_integer, listed)):
        raise DataError("a count should be a whole number")
    return [int(count) for count in listed]
