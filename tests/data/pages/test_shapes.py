from math import pi

import numpy as np
import pytest

from pali3kit.data.pages.canvas import WHITE, Canvas
from pali3kit.data.pages.shapes import draw_arrow, draw_line, fill_convex, fill_wedge, on_circle

INK = (0, 0, 0)


def inked(canvas):
    """Coverage 0..1 of the ink, [H, W]."""
    return 1 - canvas.image[..., 0].astype(float) / WHITE[0]


@pytest.mark.parametrize(
    ("start", "end"), [((20, 20), (20, 100)), ((20, 20), (90, 100)), ((100, 30), (30, 90)), ((5, 9), (90, 9))]
)
def test_a_line_covers_its_length_times_its_thickness(start, end):
    canvas = Canvas(128)
    draw_line(canvas, start, end, INK, 3)
    length = np.hypot(end[0] - start[0], end[1] - start[1])
    assert inked(canvas).sum() == pytest.approx(3 * length, rel=0.03)
    middle = (start[0] + end[0]) // 2, (start[1] + end[1]) // 2
    assert inked(canvas)[middle] > 0.9


def test_a_triangle_is_filled_only_clockwise():
    corners = [(20, 60), (100, 100), (100, 20)]
    canvas, other = Canvas(128), Canvas(128)
    fill_convex(canvas, corners, INK)
    fill_convex(other, corners[::-1], INK)
    assert inked(canvas).sum() == pytest.approx(80 * 80 / 2, rel=0.02)
    assert inked(other).sum() == 0


@pytest.mark.parametrize("turns", [(0.0, 0.25), (0.1, 0.2), (0.3, 0.9), (0.0, 0.5), (0.75, 1.0)])
def test_a_wedge_has_its_part_of_the_disc(turns):
    canvas = Canvas(128)
    fill_wedge(canvas, (64, 64), 40, *turns, INK)
    assert inked(canvas).sum() == pytest.approx(pi * 40**2 * (turns[1] - turns[0]), rel=0.02)
    y, x = on_circle((64, 64), 20, sum(turns) / 2)
    assert inked(canvas)[round(y), round(x)] == pytest.approx(1, abs=0.02)


def test_wedges_of_a_whole_turn_make_a_disc_without_gaps():
    canvas, disc = Canvas(128), Canvas(128)
    for start, end in ((0, 0.17), (0.17, 0.6), (0.6, 1)):
        fill_wedge(canvas, (60, 70), 30, start, end, INK)
    fill_wedge(disc, (60, 70), 30, 0, 1, INK)
    assert np.abs(inked(canvas) - inked(disc)).max() < 0.6  # edges that meet in a pixel blend
    assert inked(canvas).sum() == pytest.approx(inked(disc).sum(), rel=0.02)


def test_turns_run_clockwise_from_the_top():
    assert on_circle((64, 64), 10, 0) == pytest.approx((54, 64))
    assert on_circle((64, 64), 10, 0.25) == pytest.approx((64, 74))


def test_an_arrow_is_wider_at_its_end():
    canvas = Canvas(128)
    draw_arrow(canvas, (64, 20), (64, 100), INK, 2)
    columns = inked(canvas).sum(axis=0)
    assert columns[30] == pytest.approx(2, abs=0.1) and columns[92] > 4
    assert inked(canvas)[:, 102:].sum() == 0 and inked(canvas)[:, 99].sum() > 0


def test_shapes_are_clipped_at_the_edges():
    canvas = Canvas(128)
    fill_wedge(canvas, (0, 0), 20, 0, 1, INK)
    draw_line(canvas, (120, 120), (140, 140), INK, 3)
    assert inked(canvas)[:21, :21].sum() == pytest.approx(pi * 100, rel=0.05)
