"""Figures as SVG: lines over the number of shots, bars over languages."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

from pali3kit.report.charts import nice_ticks, svg
from pali3kit.report.model import Figure
from pali3kit.report.table import number

LEFT, RIGHT, TOP, BOTTOM = 44, 12, 14, 26
HEIGHT = 230
LINES_WIDTH, BARS_WIDTH = 480, 1120
GROUP_FILLED = 0.76  # of the room of a language


def figure_chart(figure: Figure, colours: Mapping[str, str]) -> str:
    """The chart of a figure; `colours` are the style classes of its rows."""
    values = [value for each in figure.series.values() for value in each]
    ticks = nice_ticks(0.0, max(values), 5)
    width = LINES_WIDTH if figure.kind == "lines" else BARS_WIDTH

    def height_of(value: float) -> float:
        return HEIGHT - BOTTOM - value / ticks[-1] * (HEIGHT - TOP - BOTTOM)

    parts = []
    for tick in ticks:
        y = height_of(tick)
        parts.append(f'<path class="grid" d="M{LEFT} {y:.1f}H{width - RIGHT}"/>')
        parts.append(f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    room = (width - LEFT - RIGHT) / len(figure.places)
    for index, place in enumerate(figure.places):
        x = LEFT + (index + 0.5) * room
        parts.append(f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="middle">{escape(place)}</text>')
    for position, (label, series) in enumerate(figure.series.items()):
        marks = []
        centres = [LEFT + (index + 0.5) * room for index in range(len(series))]
        if figure.kind == "lines":
            line = "L".join(f"{x:.1f} {height_of(value):.1f}" for x, value in zip(centres, series, strict=True))
            marks.append(f'<path class="curve" d="M{line}"/>')
        for x, place, value in zip(centres, figure.places, series, strict=True):
            tip = f"<title>{escape(f'{label}, {place}: {number(value)}')}</title>"
            y = height_of(value)
            if figure.kind == "lines":
                marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5">{tip}</circle>')
            else:
                bar = GROUP_FILLED * room / len(figure.series)
                begin = x - GROUP_FILLED * room / 2 + position * bar
                size = f'width="{bar:.1f}" height="{HEIGHT - BOTTOM - y:.1f}"'
                marks.append(f'<rect class="filled" x="{begin:.1f}" y="{y:.1f}" {size}>{tip}</rect>')
        parts.append(f'<g class="{colours.get(label, "shared")}">{"".join(marks)}</g>')
    return svg(width, HEIGHT, figure.title, parts, f"chart {figure.kind}")
