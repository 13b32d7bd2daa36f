"""Charts of lines over years or months. Kinds of questions are ChartQA's groups."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.chart_questions import ask_about_values, describe_chart
from pali3kit.data.pages.charts import (
    COLOURS,
    ChartData,
    along,
    draw_legend,
    draw_ticks,
    draw_title,
    plot_box,
    sample_chart,
    sample_values,
)
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.page import PageKind
from pali3kit.data.pages.shapes import draw_line
from pali3kit.data.world.chance import Draw
from pali3kit.data.world.questions import Question
from pali3kit.data.world.scene import Box


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> ChartData:
    num_series, num_labels = 1 + int(draw() * 3), 4 + (draw() < 0.4)
    low, high = (100, 699) if draw() < 0.25 else (10, 99)
    values = [sample_values(lexicon, draw, num_labels, low, high) for _ in range(num_series)]
    largest = max(map(max, values)) * 9 // 8  # values are printed above points
    chart = sample_chart(lexicon, draw, values, num_series, largest, ("year", "month"))
    return replace(chart, printed=chart.printed and num_series == 1)


def _draw(chart: ChartData, canvas: Canvas) -> None:
    draw_title(chart, canvas)
    plot = plot_box(chart, canvas, upright=True)
    draw_legend(chart, canvas)
    draw_ticks(chart, canvas, plot, upright=True)
    points = _line_points(chart, plot)
    room = (plot[3] - plot[1]) // len(chart.labels)
    for number, label in enumerate(chart.labels):
        canvas.text(label, plot[2] + canvas.px(2), points[0][number][1], ink=chart.ink, align="middle", width=room - 1)
    for order, row in enumerate(points):
        colour = COLOURS[chart.colours[order]]
        for start, end in pairwise(row):
            draw_line(canvas, start, end, colour, canvas.px(1.2 + 0.5 * chart.look.width))
        dot = canvas.px(2.5)
        for y, x in row:
            canvas.fill((y - dot, x - dot, y + dot, x + dot), colour, dot if order % 2 == 0 else 0)
    if chart.printed:
        for (y, x), value in zip(points[0], chart.series[0].values, strict=True):
            canvas.text(str(value), _beside_point(canvas, points[0], (y, x)), x, ink=chart.ink, align="middle")


def _line_points(chart: ChartData, plot: Box) -> list[list[tuple[int, int]]]:
    """The `(y, x)` of each series' values, in the box of all marks."""
    y0, x0, y1, x1 = plot
    count = len(chart.labels)
    across = [x0 + (x1 - x0) * (2 * number + 1) // (2 * count) for number in range(count)]
    return [
        [(along(chart, value, y1, y0), x) for value, x in zip(series.values, across, strict=True)]
        for series in chart.series
    ]


def _beside_point(canvas: Canvas, row: list[tuple[int, int]], point: tuple[int, int]) -> int:
    """The top of a value's text: above a point that is higher than its neighbours on average, else below it."""
    at = row.index(point)
    near = [row[number][0] for number in (at - 1, at + 1) if 0 <= number < len(row)]
    above = sum(near) / len(near) > point[0]
    return point[0] - canvas.px(3) - canvas.em if above else point[0] + canvas.px(3)


def _questions(chart: ChartData, draw: Draw) -> list[Question]:
    return ask_about_values(chart, "point", draw)


def _captions(chart: ChartData, draw: Draw) -> list[str]:
    return describe_chart(chart, "line chart")


CHART_LINE = PageKind("chart_line", "charts of lines over years or months", _sample, _draw, _questions, _captions)
