"""How a screen and its widgets are drawn."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.screens import ACCENTS, Screen, Widget
from pali3kit.data.pages.shapes import Point, draw_line, fill_convex
from pali3kit.data.world.palette import RGB
from pali3kit.data.world.scene import Box

RED: RGB = (255, 0, 0)  # of the outline of a widget, as WidgetCap's are drawn
_LIGHT: tuple[RGB, ...] = ((246, 246, 248), (255, 255, 255), (28, 28, 32), (206, 208, 214))
_DARK: tuple[RGB, ...] = ((30, 32, 38), (52, 56, 64), (240, 240, 244), (84, 88, 98))


class _Style:
    """The colours of a screen: `page`, `card`, `ink`, `line`, `accent`, and `bright` on the accent."""

    def __init__(self, screen: Screen) -> None:
        self.page, self.card, self.ink, self.line = _DARK if screen.dark else _LIGHT
        self.accent, self.bright, self.grouped = ACCENTS[screen.accent], (255, 255, 255), screen.grouped


_Drawer = Callable[[Canvas, _Style, Widget, Box], None]


def draw_screen(screen: Screen, canvas: Canvas) -> None:
    """Draw a screen with its status bar, title bar and widgets; and the outline of the marked one."""
    style, (left, right) = _Style(screen), screen.sides
    canvas.fill((0, 0, canvas.size, canvas.size), (58, 60, 66) if screen.sides[0] else style.page)
    x0, x1 = scaled_box(canvas, (0, left, 0, right))[1::2]
    bar, top = canvas.px(24), canvas.px(10)
    canvas.fill((0, x0, canvas.size, x1), style.page)
    canvas.fill((0, x0, bar, x1), style.accent)
    canvas.text(screen.clock, 0, x0 + canvas.px(3), ink=style.bright)
    canvas.fill((canvas.px(3), x1 - canvas.px(14), canvas.px(8), x1 - canvas.px(4)), style.bright)
    canvas.text(screen.title, top + canvas.px(1), (x0 + x1) // 2, canvas.px(10.5), face="bold", ink=style.bright,
                align="middle", width=x1 - x0 - canvas.px(34))  # fmt: skip
    for widget in screen.widgets:
        WIDGETS[widget.kind](canvas, style, widget, scaled_box(canvas, widget.box))
    if screen.marked is not None:
        canvas.frame(scaled_box(canvas, screen.widgets[screen.marked].box), RED, canvas.px(1))


def scaled_box(canvas: Canvas, box: Box) -> Box:
    """A box of 128 units in the canvas's pixels."""
    y0, x0, y1, x1 = (side * canvas.size // 128 for side in box)
    return y0, x0, y1, x1


def _line_of(canvas: Canvas, box: Box) -> int:
    """The top of a line of text in the middle of a box's height."""
    return (box[0] + box[2] - canvas.em) // 2


def _row_ground(canvas: Canvas, style: _Style, box: Box) -> None:
    """A card, or a line below the row."""
    y0, x0, y1, x1 = box
    gap = canvas.px(1)
    if style.grouped:
        canvas.fill((y0 + gap, x0 + 3 * gap, y1 - gap, x1 - 3 * gap), style.card, canvas.px(3))
    else:
        canvas.rule(y1 - 1, x0 + 4 * gap, x1, style.line)


def _switch(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    _row_ground(canvas, style, box)
    y0, x0, y1, x1 = box
    canvas.text(widget.text, _line_of(canvas, box), x0 + canvas.px(8), ink=style.ink)
    high, wide = canvas.px(9), canvas.px(17)
    top, left = (y0 + y1 - high) // 2, x1 - canvas.px(8) - wide
    canvas.fill((top, left, top + high, left + wide), style.accent if widget.on else style.line, high // 2)
    knob, edge = high - 2 * canvas.px(1), canvas.px(1)
    x = left + wide - edge - knob if widget.on else left + edge
    canvas.fill((top + edge, x, top + edge + knob, x + knob), style.bright, knob // 2)


def _check(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    _row_ground(canvas, style, box)
    y0, x0, y1, _ = box
    side = canvas.px(9)
    top, left = (y0 + y1 - side) // 2, x0 + canvas.px(8)
    square = (top, left, top + side, left + side)
    if widget.on:
        canvas.fill(square, style.accent)
        tick = [(0.5, 0.2), (0.75, 0.45), (0.25, 0.85)]
        points = [(top + side * y, left + side * x) for y, x in tick]
        for start, end in pairwise(points):
            draw_line(canvas, start, end, style.bright, canvas.px(1.5))
    else:
        canvas.frame(square, style.ink, canvas.px(1))
    canvas.text(widget.text, _line_of(canvas, box), left + side + canvas.px(5), ink=style.ink)


def _row(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    _row_ground(canvas, style, box)
    y0, x0, y1, _ = box
    side = y1 - y0 - canvas.px(5)
    canvas.icon(widget.icon, y0 + canvas.px(2), x0 + canvas.px(7), side)
    canvas.text(widget.text, _line_of(canvas, box), x0 + side + canvas.px(12), ink=style.ink)


def _field(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    y0, x0, y1, x1 = box
    gap = canvas.px(3)
    inner = (y0 + gap, x0 + 3 * gap, y1 - gap, x1 - 3 * gap)
    if style.grouped:
        canvas.fill(inner, style.card)
        canvas.frame(inner, style.line, canvas.px(1))
    else:
        canvas.rule(y1 - gap, x0 + 3 * gap, x1 - 3 * gap, style.accent, canvas.px(1))
    canvas.text(widget.text, _line_of(canvas, box), x0 + 5 * gap, ink=style.ink)


def _button(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    x0, x1 = box[1], box[3]
    canvas.fill(box, style.accent if widget.on else style.line, canvas.px(4))
    ink = style.bright if widget.on else style.ink
    canvas.text(
        widget.text, _line_of(canvas, box), (x0 + x1) // 2, ink=ink, align="middle", width=x1 - x0 - canvas.px(4)
    )


def _image(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    y0, x0, y1, x1 = box
    canvas.fill(box, style.card, canvas.px(2))
    side = min(y1 - y0, x1 - x0) - canvas.px(4)
    canvas.icon(widget.icon, (y0 + y1 - side) // 2, (x0 + x1 - side) // 2, side)


def _dialog(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    y0, x0, _, x1 = box
    shade = canvas.px(3)
    canvas.fill((y0 + shade, x0 + shade, box[2] + shade, x1 + shade), style.line, canvas.px(4))
    canvas.fill(box, style.card, canvas.px(4))
    wide = x1 - x0 - canvas.px(8)
    canvas.text(
        widget.text, y0 + canvas.px(8), (x0 + x1) // 2, canvas.px(10), ink=style.ink, align="middle", width=wide
    )


def _text(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    middle = (box[1] + box[3]) // 2
    face = "bold" if widget.kind == "price" else "sans"
    wide = box[3] - box[1]
    canvas.text(widget.text, box[0], middle, canvas.px(10), face=face, ink=style.ink, align="middle", width=wide)


def _slider(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    y0, x0, y1, x1 = box
    middle, radius = (y0 + y1) // 2, canvas.px(3)
    at = x0 + (x1 - x0) * int(widget.text) // 100
    canvas.fill((middle - canvas.px(1), x0, middle + canvas.px(1), x1), style.line)
    canvas.fill((middle - canvas.px(1), x0, middle + canvas.px(1), at), style.accent)
    canvas.fill((middle - radius, at - radius, middle + radius, at + radius), style.accent, radius)


def _tab(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    y0, x0, _, x1 = box
    canvas.fill(box, style.card)
    if widget.on:
        canvas.fill((y0, x0, y0 + canvas.px(2), x1), style.accent)
    face = "bold" if widget.on else "sans"
    canvas.text(
        widget.text, _line_of(canvas, box), (x0 + x1) // 2, face=face, ink=style.ink, align="middle", width=x1 - x0
    )


_STROKES: dict[str, list[tuple[float, float, float, float]]] = {
    "back": [(0.5, 0.2, 0.2, 0.55), (0.5, 0.2, 0.8, 0.55), (0.5, 0.2, 0.5, 0.85)],
    "menu": [(0.25, 0.15, 0.25, 0.85), (0.5, 0.15, 0.5, 0.85), (0.75, 0.15, 0.75, 0.85)],
    "add": [(0.5, 0.15, 0.5, 0.85), (0.15, 0.5, 0.85, 0.5)],
    "search": [(0.15, 0.15, 0.15, 0.6), (0.15, 0.6, 0.6, 0.6), (0.6, 0.6, 0.6, 0.15), (0.6, 0.15, 0.15, 0.15),
               (0.55, 0.55, 0.9, 0.9)],
}  # fmt: skip
"""The lines of symbols of the title bar, from (y, x) to (y, x) in parts of the box."""
_FILLED: dict[str, list[list[tuple[float, float]]]] = {
    "play": [[(0.2, 0.3), (0.5, 0.8), (0.8, 0.3)]],
    "pause": [
        [(0.2, 0.25), (0.2, 0.42), (0.8, 0.42), (0.8, 0.25)],
        [(0.2, 0.58), (0.2, 0.75), (0.8, 0.75), (0.8, 0.58)],
    ],
    "next": [[(0.25, 0.25), (0.5, 0.62), (0.75, 0.25)], [(0.25, 0.65), (0.25, 0.78), (0.75, 0.78), (0.75, 0.65)]],
    "previous": [[(0.5, 0.38), (0.25, 0.75), (0.75, 0.75)], [(0.25, 0.22), (0.25, 0.35), (0.75, 0.35), (0.75, 0.22)]],
}
"""The convex shapes of a player's symbols, corners (y, x) in parts of the box, clockwise."""


def _symbol(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    for top, left, low, right in _STROKES[widget.kind]:
        draw_line(canvas, _inside(box, top, left), _inside(box, low, right), style.bright, canvas.px(1.3))


def _inside(box: Box, y: float, x: float) -> Point:
    """The point of a box at parts of its height and width."""
    return box[0] + (box[2] - box[0]) * y, box[1] + (box[3] - box[1]) * x


def _control(canvas: Canvas, style: _Style, widget: Widget, box: Box) -> None:
    main = widget.kind in ("play", "pause")
    if main:
        canvas.fill(box, style.accent, (box[2] - box[0]) // 2)
    for corners in _FILLED[widget.kind]:
        points = [_inside(box, y, x) for y, x in corners]
        fill_convex(canvas, points, style.bright if main else style.ink)


WIDGETS: dict[str, _Drawer] = {
    "switch": _switch, "check": _check, "row": _row, "field": _field, "button": _button, "image": _image, "text": _text,
    "dialog": _dialog, "price": _text, "slider": _slider, "tab": _tab,
    **dict.fromkeys(_STROKES, _symbol), **dict.fromkeys(_FILLED, _control),
}  # fmt: skip
"""The kinds of widgets, and what draws them."""
