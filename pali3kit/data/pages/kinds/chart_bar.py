"""Charts of bars: upright, lying, in groups or stacked. Kinds of questions are ChartQA's groups."""

from __future__ import annotations

from dataclasses import dataclass, replace

from pali3kit.data.pages.canvas import BLACK, WHITE, Canvas
from pali3kit.data.pages.chart_questions import ask_about_values, describe_chart
from pali3kit.data.pages.charts import (
    COLOURS,
    LIGHT,
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
from pali3kit.data.pages.typeface import text_width
from pali3kit.data.world.chance import Draw, pick
from pali3kit.data.world.questions import Question
from pali3kit.data.world.scene import Box

_WIDTHS = (56, 68, 80)  # of the bars of a label, per cent of their room


@dataclass(frozen=True, slots=True)
class BarChart:
    """A chart and the form of its bars: "upright", "lying" or "stacked"."""

    chart: ChartData
    form: str


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> BarChart:
    form = pick(("upright", "upright", "lying", "lying", "stacked"), draw)
    if form == "stacked":
        num_series, num_labels, low, high = 2, 3 + int(draw() * 2), 20, 60
    else:
        num_series = 1 + (draw() < 0.35)
        num_labels = 3 + int(draw() * (2 if num_series > 1 else 3))
        low, high = (100, 799) if num_series == 1 and draw() < 0.3 else (10, 99)
    values = [sample_values(lexicon, draw, num_labels, low, high) for _ in range(num_series)]
    largest = max(map(sum, zip(*values, strict=True))) if form == "stacked" else max(map(max, values))
    by_label = num_series == 1 and draw() < 0.5
    chart = sample_chart(lexicon, draw, values, num_labels if by_label else num_series, largest)
    most = 3 if num_series > 1 else 4 if high > 99 else 5  # labels at which numbers fit above upright bars
    narrow = form == "upright" and num_labels > most
    return BarChart(replace(chart, printed=(chart.printed or form == "stacked") and not narrow), form)


def _draw(facts: BarChart, canvas: Canvas) -> None:
    chart, upright = facts.chart, facts.form != "lying"
    draw_title(chart, canvas)
    plot = plot_box(chart, canvas, upright)
    draw_legend(chart, canvas)
    draw_ticks(chart, canvas, plot, upright)
    for number, label in enumerate(chart.labels):
        y0, x0, y1, x1 = plot
        if upright:
            left, right = (x0 + (x1 - x0) * at // len(chart.labels) for at in (number, number + 1))
            canvas.text(
                label, y1 + canvas.px(2), (left + right) // 2, ink=chart.ink, align="middle", width=right - left - 1
            )
        else:
            top, low = (y0 + (y1 - y0) * at // len(chart.labels) for at in (number, number + 1))
            middle = (top + low - canvas.em) // 2
            canvas.text(label, middle, x0 - canvas.px(2), ink=chart.ink, align="right", width=x0 - canvas.px(3))
    for (series, number), box in _bar_boxes(facts, plot).items():
        colour = chart.colour(series, number)
        canvas.fill(box, COLOURS[colour])
        if chart.printed:
            _print_value(facts, canvas, box, chart.series[series].values[number], colour)


def _bar_boxes(facts: BarChart, plot: Box) -> dict[tuple[int, int], Box]:
    """The boxes of the bars by series and label, in the box of all marks."""
    chart, (y0, x0, y1, x1) = facts.chart, plot
    start, end = (x0, x1) if facts.form != "lying" else (y0, y1)
    room = (end - start) // len(chart.labels)
    beside = 1 if facts.form == "stacked" else len(chart.series)
    thick = room * (_WIDTHS[chart.look.width] if beside == 1 else _WIDTHS[-1]) // 100 // beside
    boxes = {}
    for number in range(len(chart.labels)):
        corner = start + (end - start) * number // len(chart.labels) + (room - thick * beside) // 2
        below = 0
        for order, series in enumerate(chart.series):
            value, side = series.values[number], corner + thick * (order % beside)
            if facts.form == "lying":
                boxes[order, number] = side, x0 + 1, side + thick - (beside > 1), along(chart, value, x0, x1)
            else:
                base = along(chart, below, y1, y0)
                boxes[order, number] = along(chart, below + value, y1, y0), side, base, side + thick - (beside > 1)
            below += value if facts.form == "stacked" else 0
    return boxes


def _print_value(facts: BarChart, canvas: Canvas, box: Box, value: int, colour: str) -> None:
    """Print a value inside the end of its bar or, of a short bar, beyond it."""
    y0, x0, y1, x1 = box
    em, text, inside = canvas.em, str(value), BLACK if colour in LIGHT else WHITE
    if facts.form == "lying":
        wide = text_width(text, em)
        middle = (y0 + y1 - em) // 2
        if x1 - x0 > wide + canvas.px(4):
            canvas.text(text, middle, x1 - canvas.px(2), ink=inside, align="right")
        else:
            canvas.text(text, middle, x1 + canvas.px(2), ink=facts.chart.ink)
        return
    fits = y1 - y0 >= em + canvas.px(2)
    top = y0 + canvas.px(1) if fits else y0 - em - canvas.px(1)
    ink = inside if fits else facts.chart.ink
    canvas.text(text, top, (x0 + x1) // 2, ink=ink, align="middle", width=x1 - x0 + canvas.px(2))


def _questions(facts: BarChart, draw: Draw) -> list[Question]:
    return ask_about_values(facts.chart, "bar", draw)


def _captions(facts: BarChart, draw: Draw) -> list[str]:
    return describe_chart(facts.chart, "stacked bar chart" if facts.form == "stacked" else "bar chart")


CHART_BAR = PageKind("chart_bar", "charts of bars", _sample, _draw, _questions, _captions)
