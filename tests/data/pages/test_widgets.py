from dataclasses import replace

import numpy as np
import pytest

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.screens import Screen, Widget
from pali3kit.data.pages.widgets import WIDGETS, draw_screen, scaled_box

EMPTY = Screen("settings", "Moka", "settings", "9:41", (), 0, False, (0, 128), False)
BOX = (40, 20, 60, 108)
ICON = "\N{TIGER}"


def drawn(*widgets, size=128, **changes):
    canvas = Canvas(size)
    draw_screen(replace(EMPTY, widgets=widgets, **changes), canvas)
    return canvas


def difference(one, other):
    return (one.image != other.image).any(axis=2)


@pytest.mark.parametrize("kind", WIDGETS)
@pytest.mark.parametrize("dark", [False, True])
def test_every_widget_is_drawn_near_its_box(kind, dark):
    box = (11, 2, 23, 14) if kind in ("back", "menu", "add", "search") else BOX
    widget = Widget(kind, "50" if kind == "slider" else "Moka", box, icon=ICON)
    seen = difference(drawn(widget, dark=dark), drawn(dark=dark))
    assert seen.sum() > 10
    y0, x0, y1, x1 = box
    seen[y0 - 1 : y1 + 4, x0 - 1 : x1 + 4] = False  # a dialog has a shadow
    assert not seen.any()


@pytest.mark.parametrize("kind", ["switch", "check", "tab", "button"])
def test_states_differ(kind):
    on, off = (drawn(Widget(kind, "Moka", BOX, on=state)) for state in (True, False))
    assert difference(on, off).sum() > 20


def test_only_the_outline_of_a_marked_widget_is_added():
    widgets = Widget("switch", "Moka", BOX), Widget("switch", "Tofu", (60, 20, 80, 108))
    canvas, plain = drawn(*widgets, marked=1, size=256), drawn(*widgets, size=256)
    y0, x0, y1, x1 = scaled_box(canvas, widgets[1].box)
    seen = difference(canvas, plain)
    assert seen[y0:y1, x0:x1].sum() == seen.sum() == 2 * 2 * (y1 - y0 + x1 - x0 - 4)
    assert (canvas.image[seen] == np.array([255, 0, 0])).all()


def test_texts_are_recorded_in_order():
    words = [word.text for word in drawn(Widget("field", "name", BOX), Widget("tab", "Home", (114, 0, 128, 40))).words]
    assert words == ["9:41", "Moka", "settings", "name", "Home"]
