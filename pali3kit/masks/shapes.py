"""Masks as COCO's files write them: run lengths and polygons.

The same pixels as pycocotools gives, but for annotations that are damaged: these are errors here, and undefined
behaviour there (2.0.11: run lengths that stop early give what lay in memory, a far polygon ends the process).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pali3kit.errors import DataError

FINE = 5  # edges are followed on a grid so many times finer than pixels


def runs_mask(counts: Sequence[int], height: int, width: int) -> np.ndarray:
    """A bool mask `[H,W]` of the lengths of its runs outside, inside, outside, ..., column by column.

    Raises:
        DataError: a length is negative, or they do not fill the picture.
    """
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

    Raises:
        DataError: a polygon has fewer than three points, or one far outside the picture.
    """
    mask = np.zeros((height, width), np.bool_)
    for polygon in polygons:
        mask |= _polygon(_points(polygon, height, width), height, width)
    return mask


def _points(polygon: Sequence[float], height: int, width: int) -> np.ndarray:
    """Corners on the fine grid, int64 `[points,2]`, the first again at the end."""
    if len(polygon) < 6 or len(polygon) % 2:
        raise DataError(f"a polygon of {len(polygon)} numbers: it needs x and y of three points at least")
    points = np.asarray(polygon, np.float64).reshape(-1, 2)
    far = ~(np.abs(points / (width, height) - 0.5) <= 1.5)  # NaN too
    if far.any():
        x, y = points[far.any(1)][0]
        raise DataError(f"a polygon's point ({x:g}, {y:g}) is far outside a picture of {height}x{width}")
    fine = np.trunc(points * FINE + 0.5).astype(np.int64)
    return np.concatenate([fine, fine[:1]])


def _polygon(points: np.ndarray, height: int, width: int) -> np.ndarray:
    """Even-odd: every crossing of a column's middle turns inside and outside about, from its row on downwards."""
    turns = np.zeros((width, height + 1), np.int64)
    path = np.concatenate([_edge(*points[i], *points[i + 1]) for i in range(len(points) - 1)])
    (u, v), (u_next, v_next) = path[:-1].T, path[1:].T
    columns = (np.minimum(u, u_next) + 0.5) / FINE - 0.5
    crossed = (u != u_next) & (columns % 1 == 0) & (columns >= 0) & (columns <= width - 1)
    rows = np.ceil(np.clip((np.minimum(v, v_next) + 0.5) / FINE - 0.5, 0, height))
    np.add.at(turns, (columns[crossed].astype(int), rows[crossed].astype(int)), 1)
    # One line for all columns, as run lengths have it: what is open at a column's foot goes on at the next one's head.
    flat = np.concatenate([turns[:, :height].ravel(), [0]])
    flat[height::height] += turns[:, height]
    mask: np.ndarray = (flat[:-1].cumsum() % 2 == 1).reshape(width, height).T
    return mask


def _edge(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    """Points of the fine grid from one corner to the next, int64 `[points,2]`, one for each step along its longer side.

    The other coordinate is reckoned from the end with the smaller one: an edge has one shape in both directions.
    """
    across, down = abs(x1 - x0), abs(y1 - y0)
    steps = max(across, down)
    if not steps:
        return np.array([[x0, y0]])
    backwards = x0 > x1 if across >= down else y0 > y1
    (xs, ys), (xe, ye) = ((x1, y1), (x0, y0)) if backwards else ((x0, y0), (x1, y1))
    t = np.arange(steps + 1)
    if across >= down:
        points = np.stack([xs + t, np.trunc(ys + (ye - ys) / steps * t + 0.5)], axis=1)
    else:
        points = np.stack([np.trunc(xs + (xe - xs) / steps * t + 0.5), ys + t], axis=1)
    return points[::-1].astype(np.int64) if backwards else points.astype(np.int64)
