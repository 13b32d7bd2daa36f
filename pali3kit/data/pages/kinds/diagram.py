"""Diagrams with lettered or named parts: life cycles, food webs, layers, sections; questions list options as AI2D's."""

from __future__ import annotations

from itertools import pairwise

from pali3kit.data.pages.canvas import BLACK, WHITE, Canvas
from pali3kit.data.pages.charts import COLOURS, LIGHT, PAPERS
from pali3kit.data.pages.diagram_questions import ask_about_parts, describe_diagram
from pali3kit.data.pages.diagrams import Diagram, sample_diagram
from pali3kit.data.pages.page import PageKind
from pali3kit.data.pages.shapes import Point, draw_arrow, draw_line, fill_wedge
from pali3kit.data.world.scene import Box

_HALF = {0: (7, 14), 1: (9, 9), 2: (15, 14)}  # half height and width of parts, by shape, units
_ROUND = 1
_RADIUS = 46  # of the outermost ring, units


def _draw(facts: Diagram, canvas: Canvas) -> None:
    paper, _, _, _, bold = facts.layout
    canvas.fill((0, 0, canvas.size, canvas.size), PAPERS[paper])
    face, wide = "bold" if bold else "sans", canvas.px(122)
    canvas.text(facts.title, canvas.px(1), canvas.size // 2, canvas.px(9.5), face=face, align="middle", width=wide)
    if facts.form == "layers":
        _draw_layers(facts, canvas)
    elif facts.form == "rings":
        _draw_rings(facts, canvas)
    else:
        boxes = part_boxes(facts, canvas)
        for start, end in facts.arrows:
            draw_arrow(canvas, *_gap(canvas, boxes[start], boxes[end]), BLACK, canvas.px(1.2))
        for number, box in enumerate(boxes):
            _draw_part(facts, canvas, number, box)


def part_boxes(facts: Diagram, canvas: Canvas) -> list[Box]:
    """The boxes of stages or of the parts of a web, with their labels."""
    shape = 2 if facts.icons else facts.layout[1] % 2 if facts.lettered else 0
    high, wide = (canvas.px(half) for half in _HALF[shape])
    middles = [(canvas.px(y), canvas.px(x)) for y, x in facts.places]
    if facts.lettered and shape == 0:
        wide = high + canvas.px(2)
    return [(y - high, x - wide, y + high, x + wide) for y, x in middles]


def _gap(canvas: Canvas, start: Box, end: Box) -> tuple[Point, Point]:
    """Where an arrow between the middles of two boxes leaves the first and reaches the second."""
    (y0, x0), (y1, x1) = (((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in (start, end))
    dy, dx = y1 - y0, x1 - x0
    points = []
    for (y, x), box, sign in (((y0, x0), start, 1), ((y1, x1), end, -1)):
        half_y, half_x = (box[2] - box[0]) / 2 + canvas.px(1), (box[3] - box[1]) / 2 + canvas.px(1)
        part = min(half_y / abs(dy) if dy else 9.0, half_x / abs(dx) if dx else 9.0)
        points.append((y + sign * part * dy, x + sign * part * dx))
    return points[0], points[1]


def _draw_part(facts: Diagram, canvas: Canvas, number: int, box: Box) -> None:
    y0, x0, y1, x1 = box
    label, colour, em = facts.labels[number], facts.colours[number], canvas.em
    if facts.icons:
        side = y1 - y0 - em
        canvas.icon(facts.icons[number], y0, (x0 + x1 - side) // 2, side)
        canvas.text(
            label, y1 - em, (x0 + x1) // 2, face="bold" if facts.lettered else "sans", align="middle", width=x1 - x0
        )
        return
    radius = (y1 - y0) // 2 if facts.layout[1] == _ROUND else canvas.px(2)
    canvas.fill(box, COLOURS[colour], radius)
    ink = BLACK if colour in LIGHT else WHITE
    face = "bold" if facts.lettered else "sans"
    canvas.text(label, (y0 + y1 - em) // 2, (x0 + x1) // 2, face=face, ink=ink, align="middle", width=x1 - x0 - 2)


def _draw_layers(facts: Diagram, canvas: Canvas) -> None:
    """A block of layers, and their labels beside it."""
    right = bool(facts.layout[2])
    left, end = (canvas.px(44), canvas.px(120)) if right else (canvas.px(8), canvas.px(84))
    for number, (top, low) in enumerate(_layer_rows(facts, canvas)):
        canvas.fill((top, left, low, end), COLOURS[facts.colours[number]])
        middle = (top + low) // 2
        _draw_leader(facts, canvas, number, (middle, left + canvas.px(8) if right else end - canvas.px(8)), middle)
    rows = _layer_rows(facts, canvas)
    canvas.frame((rows[0][0], left, rows[-1][1], end), BLACK)


def _layer_rows(facts: Diagram, canvas: Canvas) -> list[tuple[int, int]]:
    """Top and bottom of each layer, pixels."""
    start, end, whole = canvas.px(18), canvas.px(122), sum(facts.sizes)
    edges = [start + (end - start) * sum(facts.sizes[:number]) // whole for number in range(len(facts.sizes) + 1)]
    return list(pairwise(edges))


def _draw_rings(facts: Diagram, canvas: Canvas) -> None:
    """Nested discs, and their labels in a column."""
    centre = canvas.px(70), canvas.px(78 if facts.layout[2] else 50)
    radii = _ring_radii(facts, canvas)
    for radius, colour in zip(radii, facts.colours, strict=True):
        fill_wedge(canvas, centre, radius + canvas.px(1), 0, 1, BLACK)
        fill_wedge(canvas, centre, radius, 0, 1, COLOURS[colour])
    for number, (radius, inner) in enumerate(zip(radii, [*radii[1:], 0], strict=True)):
        row = canvas.px(26 + 88 * number // (len(radii) - 1))
        reach = (radius + inner) / 2 if inner else 0
        angle = (row - centre[0]) / canvas.px(_RADIUS)
        x = centre[1] + (-1 if facts.layout[2] else 1) * reach * (1 - min(angle**2, 1) * 0.7) ** 0.5
        y = centre[0] + reach * angle * 0.84
        _draw_leader(facts, canvas, number, (round(y), round(x)), row)


def _ring_radii(facts: Diagram, canvas: Canvas) -> list[int]:
    """The radii of the discs, the outermost first, pixels."""
    whole = sum(facts.sizes)
    return [canvas.px(_RADIUS) * sum(facts.sizes[number:]) // whole for number in range(len(facts.sizes))]


def _draw_leader(facts: Diagram, canvas: Canvas, number: int, point: tuple[int, int], row: int) -> None:
    """A line from a point of a part, marked by a dot, to its label beside the drawing at a row."""
    left, dot, em = bool(facts.layout[2]), canvas.px(1.6), canvas.em
    edge = canvas.px(28) if left else canvas.px(100)
    draw_line(canvas, point, (row, edge), BLACK, canvas.px(1))
    canvas.fill((point[0] - dot, point[1] - dot, point[0] + dot, point[1] + dot), BLACK, dot)
    x = edge + canvas.px(-2 if left else 2)
    face, room = "bold" if facts.lettered else "sans", (x if left else canvas.size - x) - 2
    canvas.text(facts.labels[number], row - em // 2, x, face=face, align="right" if left else "left", width=room)


DIAGRAM = PageKind(
    name="diagram",
    summary="life cycles, food webs, layers and sections with multiple-choice questions",
    sample=sample_diagram,
    draw=_draw,
    questions=ask_about_parts,
    captions=describe_diagram,
)
