"""Slanted and round shapes on a canvas: lines, arrows, wedges. Points are `(y, x)` in pixels; edges are smooth.

Coverage is counted on 4 x 4 points per pixel in integers, eighths of a pixel, so that shapes have the same bytes on
every machine.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import cos, hypot, pi, sin

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.world.palette import RGB
from pali3kit.data.world.render import blend

Point = tuple[float, float]
_EIGHTHS, _DIRECTION = 8, 1 << 12  # units of a pixel; length of integer directions


def fill_convex(canvas: Canvas, corners: Sequence[Point], colour: RGB) -> None:
    """Fill a convex polygon, whose corners run clockwise on the screen."""
    ys, xs = zip(*corners, strict=True)
    box = int(min(ys)) - 1, int(min(xs)) - 1, int(max(ys)) + 2, int(max(xs)) + 2
    y, x = _grid(box)
    inside = np.ones((y.shape[0], x.shape[1]), np.bool_)
    ends = [(round(_EIGHTHS * at_y), round(_EIGHTHS * at_x)) for at_y, at_x in corners]
    for (y0, x0), (y1, x1) in zip(ends, (*ends[1:], ends[0]), strict=True):
        inside &= (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0
    _paint(canvas, inside, box, colour)


def draw_line(canvas: Canvas, start: Point, end: Point, colour: RGB, thick: float) -> None:
    """Draw a straight line, `thick` pixels wide."""
    length = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    dy, dx = (end[0] - start[0]) / length * thick / 2, (end[1] - start[1]) / length * thick / 2
    sides = ((start, -1), (end, -1), (end, 1), (start, 1))
    fill_convex(canvas, [(y + sign * dx, x - sign * dy) for (y, x), sign in sides], colour)


def draw_arrow(canvas: Canvas, start: Point, end: Point, colour: RGB, thick: float) -> None:
    """Draw a line with an arrowhead whose tip is `end`; the head is five times as long as the line is thick."""
    length = hypot(end[0] - start[0], end[1] - start[1]) or 1.0
    uy, ux = (end[0] - start[0]) / length, (end[1] - start[1]) / length
    long, wide = 5 * thick, 2.4 * thick
    neck = end[0] - long * uy, end[1] - long * ux
    draw_line(canvas, start, neck, colour, thick)
    fill_convex(
        canvas, [end, (neck[0] + wide * ux, neck[1] - wide * uy), (neck[0] - wide * ux, neck[1] + wide * uy)], colour
    )


def fill_wedge(canvas: Canvas, centre: Point, radius: float, start: float, end: float, colour: RGB) -> None:
    """Fill a sector of a circle. `start` and `end` are parts of the whole turn, clockwise from the top."""
    box = tuple(int(at + sign * (radius + 2)) for sign in (-1, 1) for at in centre)
    y, x = _grid((box[0], box[1], box[2], box[3]))
    y, x = y - round(_EIGHTHS * centre[0]), x - round(_EIGHTHS * centre[1])
    after, before = (_beyond(y, x, turn) for turn in (start, end))
    within = after & ~before if end - start <= 0.5 else after | ~before
    _paint(canvas, within & (y**2 + x**2 <= round(_EIGHTHS * radius) ** 2), (box[0], box[1], box[2], box[3]), colour)


def on_circle(centre: Point, radius: float, turn: float) -> Point:
    """The point of a circle at a part of the whole turn, clockwise from the top."""
    return centre[0] - radius * cos(2 * pi * turn), centre[1] + radius * sin(2 * pi * turn)


def _beyond(y: NDArray[np.int64], x: NDArray[np.int64], turn: float) -> NDArray[np.bool_]:
    """Whether points lie clockwise of a direction, by less than half a turn."""
    dy, dx = (round(_DIRECTION * part) for part in on_circle((0, 0), 1, turn))
    found: NDArray[np.bool_] = dx * y - dy * x >= 0
    return found


def _grid(box: tuple[int, int, int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sample points of a box's pixels, in eighths of a pixel: rows [4 h, 1] and columns [1, 4 w]."""
    y0, x0, y1, x1 = box
    rows, columns = np.arange(4 * y0, 4 * y1) * 2 + 1, np.arange(4 * x0, 4 * x1) * 2 + 1
    return rows[:, None], columns[None]


def _paint(canvas: Canvas, inside: NDArray[np.bool_], box: tuple[int, int, int, int], colour: RGB) -> None:
    high, wide = inside.shape[0] // 4, inside.shape[1] // 4
    coverage = inside.reshape(high, 4, wide, 4).sum(axis=(1, 3)) * 255 // 16
    blend(canvas.image, coverage.astype(np.uint8), box[0], box[1], colour)
