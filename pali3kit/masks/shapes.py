"""Masks from the run lengths and polygons of COCO annotations.

Pixels are those of pycocotools. Damaged annotations are errors here and undefined behaviour there (2.0.11: run lengths
that stop early return uninitialised memory, a polygon far outside the image ends the process).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from pali3kit.errors import DataError

FINE = 5  # edges are rasterised on a grid this many times finer than pixels
MOST_PIXELS = 100_000_000  # more than any image that is decoded; a claimed size must not allocate gigabytes
MOST_CROSSINGS = 1 << 22  # of edges with pixel columns: bounds the work of degenerate polygons
LONGEST = 60  # bits of a run length


def runs_mask(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """A bool mask `[H,W]` from run lengths, alternately outside and inside, column by column.

    Raises:
        DataError: a length is negative, the runs do not fill the image, or its size is not valid.
    """
    _check_size(height, width)
    if min(counts, default=0) < 0:
        raise DataError(f"a run of {min(counts)} pixels")
    if sum(counts) != height * width:
        raise DataError(f"runs of {sum(counts)} pixels in all, in an image of {height}x{width}")
    inside = np.arange(len(counts)) % 2 == 1
    mask: np.ndarray = np.repeat(inside, counts).reshape(width, height).T
    return mask


def read_runs(text: str) -> list[int]:
    """Decode COCO's compressed run lengths.

    A character holds five bits, the least significant first; its sixth bit is set on all but the last character of a
    number, whose fifth bit is the sign. From the fourth on, numbers are differences to the last but one.

    Raises:
        DataError: the text is not valid.
    """
    counts: list[int] = []
    value = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64:
            raise DataError(f"run lengths have a character {character!r}")
        if shift > LONGEST:
            raise DataError(f"run lengths have a number of more than {LONGEST} bits")
        value |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            value -= 1 << shift
        counts.append(value + counts[-2] if len(counts) > 2 else value)
        value = shift = 0
    if shift:
        raise DataError("run lengths end within a number")
    return counts


def polygons_mask(polygons: Sequence[Sequence[float]], height: int, width: int) -> np.ndarray:
    """A bool mask `[H,W]` of the union of polygons, each x0, y0, x1, y1, ... in pixels.

    Polygons of one or two points have no area and are ignored beside one with three.

    Raises:
        DataError: no polygon has three points, one has an odd number of coordinates or is far outside the image, there
            are too many edges, or the size is not valid.
    """
    _check_size(height, width)
    for polygon in polygons:
        if len(polygon) % 2:
            raise DataError(f"a polygon of {len(polygon)} numbers: each point has x and y")
    areas = [polygon for polygon in polygons if len(polygon) >= 6]
    if not areas:
        longest = max(map(len, polygons), default=0)
        raise DataError(f"a polygon of {longest} numbers: it needs x and y of three points at least")
    ends = np.cumsum([len(area) // 2 for area in areas])
    points = _points(np.fromiter(chain.from_iterable(areas), np.float64), height, width)
    following = np.arange(1, len(points) + 1)
    following[ends - 1] = np.concatenate([[0], ends[:-1]])
    edges, pixels = _crossings(np.stack([points, points[following]]), height, width)
    inside = _filled(np.searchsorted(ends, edges, side="right"), pixels, height * width)
    mask: np.ndarray = inside.reshape(width, height).T
    return mask


def row_runs(mask: np.ndarray) -> list[list[int]]:
    """A bool mask `[H,W]` as its horizontal runs `[y, x, length]`, in raster order: reports draw and keep it so."""
    padded = np.pad(mask.astype(np.int8), ((0, 0), (1, 1)))
    steps = np.diff(padded, axis=1)
    (rows, starts), (_, ends) = np.nonzero(steps == 1), np.nonzero(steps == -1)
    found: list[list[int]] = np.stack([rows, starts, ends - starts], axis=1).tolist()
    return found


def _check_size(height: int, width: int) -> None:
    if height < 1 or width < 1 or height * width > MOST_PIXELS:
        raise DataError(f"a mask of {height}x{width}: it should have 1 to {MOST_PIXELS // 10**6} million pixels")


def _points(numbers: np.ndarray, height: int, width: int) -> np.ndarray:
    """Polygon points on the fine grid, int64 `[points,2]`."""
    points = numbers.reshape(-1, 2)
    far = ~(np.abs(points / (width, height) - 0.5) <= 1.5)  # NaN too
    if far.any():
        x, y = points[far.any(1)][0]
        raise DataError(f"a polygon's point ({x:g}, {y:g}) is far outside an image of {height}x{width}")
    return np.trunc(points * FINE + 0.5).astype(np.int64)


def _crossings(ends: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where edges `[2,edges,2]` cross the centres of pixel columns: edge numbers, and pixels counted down the columns.

    An edge is rasterised to one point of the fine grid per step along its longer side, always from its end with the
    smaller coordinate, so that its shape does not depend on its direction.
    """
    across, down = np.abs(ends[1] - ends[0]).T
    flat = across >= down
    backwards = np.where(flat, ends[0, :, 0] > ends[1, :, 0], ends[0, :, 1] > ends[1, :, 1])
    (x, y), (x_end, y_end) = np.where(backwards[:, None], ends[::-1], ends).transpose(0, 2, 1)
    # The middle of column c lies between the grid's points 5c + 2 and 5c + 3.
    left = np.maximum(-((FINE // 2 - np.minimum(x, x_end)) // FINE), 0)
    right = np.minimum((np.maximum(x, x_end) - 1 - FINE // 2) // FINE, width - 1)
    crossed = np.maximum(right - left + 1, 0)
    if (total := int(crossed.sum())) > MOST_CROSSINGS:
        raise DataError(f"polygons whose edges cross {total} columns of pixels, more than {MOST_CROSSINGS}")
    edge = np.repeat(np.arange(len(crossed)), crossed)
    column = np.arange(total) + (left - np.cumsum(crossed) + crossed)[edge]
    slope = np.where(flat, y_end - y, x_end - x) / np.maximum(np.maximum(across, down), 1)
    grid, flat = FINE * column + FINE // 2, flat[edge]
    low = np.empty(total, np.int64)  # the upper of the two points
    low[flat] = _low_of_flat(grid[flat], *(of[edge[flat]] for of in (x, y, slope)))
    low[~flat] = _low_of_steep(grid[~flat], *(of[edge[~flat]] for of in (x, y, slope)))
    row = np.ceil(np.clip((low + 0.5) / FINE - 0.5, 0, height)).astype(np.int64)
    return edge, column * height + row


def _low_of_flat(grid: np.ndarray, x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The smaller y of an edge's points at `grid` and the next one."""
    step = grid - x + (slope < 0)
    low: np.ndarray = np.trunc(y + slope * step + 0.5).astype(np.int64)
    return low


def _low_of_steep(grid: np.ndarray, x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The y of an edge's last point before it passes from `grid` to the next, or back."""
    step = np.ceil((grid + 0.5 - x) / slope) - 1  # may be off by one, as the grid's points are rounded
    for _ in range(2):
        step += (x + slope * step + 0.5 < grid + 1) == (slope > 0)
    low: np.ndarray = y + step.astype(np.int64) - 1
    return low


def _filled(polygon: np.ndarray, pixels: np.ndarray, count: int) -> np.ndarray:
    """Fill each polygon by the even-odd rule, and take their union: bool, one for each of `count` pixels.

    From its pixel on, every crossing swaps inside and outside, also from the foot of a column into the next one, as in
    run lengths.
    """
    # A closed polygon crosses each column an even number of times, alternately in and out. Crossings of one edge are
    # already in order, so a stable sort takes a third of the time.
    places = np.sort(polygon << 32 | pixels, kind="stable") & 0xFFFFFFFF
    marked = np.sort(places << 1 | np.arange(len(places)) & 1, kind="stable")  # odd: out
    inside = np.concatenate([[False], (1 - (marked & 1) * 2).cumsum() > 0])
    filled: np.ndarray = np.repeat(inside, np.diff(np.concatenate([[0], marked >> 1, [count]])))
    return filled
