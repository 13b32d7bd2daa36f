"""Masks as COCO's files write them: run lengths and polygons.

The same pixels as pycocotools gives, but for annotations that are damaged: these are errors here, and undefined
behaviour there (2.0.11: run lengths that stop early give what lay in memory, a far polygon ends the process).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from pali3kit.errors import DataError

FINE = 5  # edges are followed on a grid so many times finer than pixels
MOST_PIXELS = 100_000_000  # no picture that is read has more; what a file says of its size must not cost gigabytes
MOST_CROSSINGS = 1 << 22  # of edges and columns of pixels: what fills a picture with edges is no shape
LONGEST = 60  # bits of a run's length


def runs_mask(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """A bool mask `[H,W]` of the lengths of its runs outside, inside, outside, ..., column by column.

    Raises:
        DataError: a length is negative, they do not fill the picture, or it is no picture's size.
    """
    _check_size(height, width)
    if min(counts, default=0) < 0:
        raise DataError(f"a run of {min(counts)} pixels")
    if sum(counts) != height * width:
        raise DataError(f"runs of {sum(counts)} pixels in all, in a picture of {height}x{width}")
    inside = np.arange(len(counts)) % 2 == 1
    mask: np.ndarray = np.repeat(inside, counts).reshape(width, height).T
    return mask


def read_runs(text: str) -> list[int]:
    """The lengths of runs that COCO's compressed notation holds.

    Five bits a character, the least first, the sixth bit on all but a number's last character, whose fifth bit is the
    sign; from the fourth on, numbers are differences to the last but one.

    Raises:
        DataError: the text is no such notation.
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
    """A bool mask `[H,W]` of what lies in any of the polygons, each x0, y0, x1, y1, ... in pixels.

    A polygon of one or two points has no area and adds nothing, if there is one with three.

    Raises:
        DataError: no polygon has three points, one has a number too many or lies far outside the picture, their edges
            cross it too often, or the picture's size is none.
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


def _check_size(height: int, width: int) -> None:
    if height < 1 or width < 1 or height * width > MOST_PIXELS:
        raise DataError(f"a mask of {height}x{width}: it should have 1 to {MOST_PIXELS // 10**6} million pixels")


def _points(numbers: np.ndarray, height: int, width: int) -> np.ndarray:
    """Corners on the fine grid, int64 `[points,2]`."""
    points = numbers.reshape(-1, 2)
    far = ~(np.abs(points / (width, height) - 0.5) <= 1.5)  # NaN too
    if far.any():
        x, y = points[far.any(1)][0]
        raise DataError(f"a polygon's point ({x:g}, {y:g}) is far outside a picture of {height}x{width}")
    return np.trunc(points * FINE + 0.5).astype(np.int64)


def _crossings(ends: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Which edges, of `[2,edges,2]`, cross the middles of columns, and where: pixels from the first down the columns.

    An edge goes from point to point of the fine grid, one for each step along its longer side. The other coordinate is
    reckoned from the end with the smaller one: an edge has one shape in both directions.
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
    low = np.empty(total, np.int64)  # the upper one of both points
    low[flat] = _low_of_flat(grid[flat], *(of[edge[flat]] for of in (x, y, slope)))
    low[~flat] = _low_of_steep(grid[~flat], *(of[edge[~flat]] for of in (x, y, slope)))
    row = np.ceil(np.clip((low + 0.5) / FINE - 0.5, 0, height)).astype(np.int64)
    return edge, column * height + row


def _low_of_flat(grid: np.ndarray, x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The smaller y of an edge's points at `grid` and behind it."""
    step = grid - x + (slope < 0)
    low: np.ndarray = np.trunc(y + slope * step + 0.5).astype(np.int64)
    return low


def _low_of_steep(grid: np.ndarray, x: np.ndarray, y: np.ndarray, slope: np.ndarray) -> np.ndarray:
    """The y of the last point before an edge has passed from `grid` to behind it, or back."""
    step = np.ceil((grid + 0.5 - x) / slope) - 1  # may be off by one, as the grid's points are rounded
    for _ in range(2):
        step += (x + slope * step + 0.5 < grid + 1) == (slope > 0)
    low: np.ndarray = y + step.astype(np.int64) - 1
    return low


def _filled(polygon: np.ndarray, pixels: np.ndarray, count: int) -> np.ndarray:
    """Even-odd in each polygon, and the union of them: bool, one for each of `count` pixels.

    Every crossing turns inside and outside about, from its pixel on, also at a column's foot into the next one, as run
    lengths have it.
    """
    # A polygon is closed: it crosses each column an even number of times, going in and out by turns. Crossings of one
    # edge are in order as they come, of which a stable sort makes use: it takes a third of the time.
    places = np.sort(polygon << 32 | pixels, kind="stable") & 0xFFFFFFFF
    marked = np.sort(places << 1 | np.arange(len(places)) & 1, kind="stable")  # odd: out
    inside = np.concatenate([[False], (1 - (marked & 1) * 2).cumsum() > 0])
    filled: np.ndarray = np.repeat(inside, np.diff(np.concatenate([[0], marked >> 1, [count]])))
    return filled
