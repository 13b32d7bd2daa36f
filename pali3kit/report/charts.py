"""Charts as SVG written by hand: no renderer, equal bytes for equal numbers, colours from the page's style sheet."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape

from markupsafe import Markup

from pali3kit.report.columns import ReportColumn
from pali3kit.report.model import Curve, FigureData, Report, ResultTable, Row
from pali3kit.report.table import number

SERIES = 6
DASHES = 4  # styles of lines, for seeds
WIDTH, LEFT, RIGHT = 860, 210, 20
BAR, GROUP, TOP = 20, 14, 30
GAP = 14  # between a title and the chart
LETTER = 7.6  # approximate width of a letter of a title, in pixels
PANEL_WIDTH, PANEL_HEIGHT = 270, 170
FIGURE_LEFT, FIGURE_RIGHT, FIGURE_TOP, FIGURE_BOTTOM = 44, 12, 14, 26
FIGURE_HEIGHT = 230
LINES_WIDTH, BARS_WIDTH = 480, 1120
GROUP_FILLED = 0.76  # of the width of a language


def series(labels: Sequence[str]) -> dict[str, str]:
    """The style class of each row, the same in every chart and in the gallery."""
    return {label: f"s{index % SERIES}" for index, label in enumerate(labels)}


def delta_chart(report: Report, table: ResultTable) -> Markup:
    """Differences to the baseline with their intervals, and the paper's as hollow diamonds. "" if there are none.

    All columns share one axis, in points (percent, CIDEr x 100, mIoU x 100). Losses and costs are left out: their units
    differ.
    """
    rows = [row for row in table.rows if row.baseline]
    columns = [one for one in table.columns if not (one.benchmark.lower_is_better or one.is_cost)]
    cells = [row.cells[column.name] for row in rows for column in columns]
    values = [bound for cell in cells if cell.delta for bound in (cell.delta.low, cell.delta.high)]
    values += [cell.paper_delta.value for cell in cells if cell.paper_delta]
    if not any(cell.delta for cell in cells):
        return Markup()
    ticks = nice_ticks(min([0.0, *values]), max([0.0, *values]), 7)
    span = ticks[-1] - ticks[0]
    height = TOP + len(columns) * (len(rows) * BAR + GROUP) + 6
    colours = series([row.label for row in table.rows])
    left = max(LEFT, GAP + LETTER * max(len(column.title) for column in columns))

    def place(value: float) -> str:
        return f"{left + (value - ticks[0]) / span * (WIDTH - left - RIGHT):.1f}"

    parts = [_vertical(place(tick), f"{tick:+g}".replace("-", "−") if tick else "0", height) for tick in ticks]
    y = float(TOP)
    for index, column in enumerate(columns):
        middle = y + GROUP / 2 + len(rows) * BAR / 2
        if index % 2:
            parts.append(f'<rect class="band" x="0" y="{y:.1f}" width="{WIDTH}" height="{len(rows) * BAR + GROUP}"/>')
        parts.append(f'<text x="{left - GAP}" y="{middle + 4:.1f}" text-anchor="end">{escape(column.title)}</text>')
        for position, row in enumerate(rows):
            centre = y + GROUP / 2 + (position + 0.5) * BAR
            parts += _difference(row, column, centre, place, colours[row.label])
        y += len(rows) * BAR + GROUP
    name = f"Differences to the baseline, {table.title.lower()}"
    return svg_element(WIDTH, height, name, parts, "chart differences")


def _difference(
    row: Row, column: ReportColumn, centre: float, place: Callable[[float], str], colour: str
) -> Iterable[str]:
    """A row's difference in a column with its interval, and the paper's."""
    cell = row.cells[column.name]
    if cell.delta:
        low, mean, high = place(cell.delta.low), place(cell.delta.mean), place(cell.delta.high)
        cap = f"{centre - 4:.1f}v8"
        tip = f"{row.label}, {column.title}: {number(cell.delta.mean, signed=True)} points"
        yield (
            f'<g class="{colour}"><title>{escape(tip)}</title>'
            f'<path class="bar" d="M{place(0)} {centre:.1f}H{mean}"/>'
            f'<path class="whisker" d="M{low} {centre:.1f}H{high}M{low} {cap}M{high} {cap}"/>'
            f'<circle cx="{mean}" cy="{centre:.1f}" r="4.5"/></g>'
        )
    elif cell.status == "failed":
        right = float(place(max(0.0, cell.paper_delta.value if cell.paper_delta else 0.0)))
        yield f'<text class="failed" x="{right + 12:.1f}" y="{centre + 4:.1f}">failed</text>'
    if cell.paper_delta:
        x, tip = place(cell.paper_delta.value), f"Paper: {number(cell.paper_delta.value, signed=True)}"
        mark = cell.paper_delta.mark
        yield f'<path class="paper" d="M{x} {centre - 6:.1f}l6 6l-6 6l-6 -6z"><title>{tip}{mark}</title></path>'


def curve_seeds(report: Report) -> list[int]:
    """The seeds of the learning curves, in the order of the dashes of their lines."""
    return sorted({curve.seed for curve in report.curves})


def curve_panels(report: Report) -> Iterable[Markup]:
    """One small chart per kind of training: loss over steps, one line per arm and seed, its dashes by the seed."""
    colours = series([row.label for row in report.tables[0].rows] if report.tables else [])
    panels: dict[str, list[Curve]] = {}
    seeds = curve_seeds(report)
    for curve in report.curves:
        if len(curve.points) > 1:
            panels.setdefault(curve.panel, []).append(curve)
    for name, curves in panels.items():
        yield _panel(name, curves, colours, seeds)


def figure_chart(figure: FigureData, colours: Mapping[str, str]) -> Markup:
    """The chart of a figure; `colours` are the style classes of its rows."""
    values = [value for each in figure.series.values() for value in each]
    ticks = nice_ticks(0.0, max(values), 5)
    width = LINES_WIDTH if figure.kind == "lines" else BARS_WIDTH

    def height_of(value: float) -> float:
        return FIGURE_HEIGHT - FIGURE_BOTTOM - value / ticks[-1] * (FIGURE_HEIGHT - FIGURE_TOP - FIGURE_BOTTOM)

    parts = []
    for tick in ticks:
        y = height_of(tick)
        parts.append(f'<path class="grid" d="M{FIGURE_LEFT} {y:.1f}H{width - FIGURE_RIGHT}"/>')
        parts.append(f'<text class="tick" x="{FIGURE_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>')
    spacing = (width - FIGURE_LEFT - FIGURE_RIGHT) / len(figure.places)
    for index, place in enumerate(figure.places):
        at = f'x="{FIGURE_LEFT + (index + 0.5) * spacing:.1f}" y="{FIGURE_HEIGHT - 8}"'
        parts.append(f'<text class="tick" {at} text-anchor="middle">{escape(place)}</text>')
    for position, (label, series) in enumerate(figure.series.items()):
        marks = []
        centres = [FIGURE_LEFT + (index + 0.5) * spacing for index in range(len(series))]
        if figure.kind == "lines":
            line = "L".join(f"{x:.1f} {height_of(value):.1f}" for x, value in zip(centres, series, strict=True))
            marks.append(f'<path class="curve" d="M{line}"/>')
        for x, place, value in zip(centres, figure.places, series, strict=True):
            tip = f"<title>{escape(f'{label}, {place}: {number(value)}')}</title>"
            y = height_of(value)
            if figure.kind == "lines":
                marks.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3.5">{tip}</circle>')
            else:
                bar = GROUP_FILLED * spacing / len(figure.series)
                begin = x - GROUP_FILLED * spacing / 2 + position * bar
                size = f'width="{bar:.1f}" height="{FIGURE_HEIGHT - FIGURE_BOTTOM - y:.1f}"'
                marks.append(f'<rect class="filled" x="{begin:.1f}" y="{y:.1f}" {size}>{tip}</rect>')
        parts.append(f'<g class="{colours.get(label, "shared")}">{"".join(marks)}</g>')
    return svg_element(width, FIGURE_HEIGHT, figure.title, parts, f"chart {figure.kind}")


def nice_ticks(low: float, high: float, count: int) -> list[float]:
    """At most `count` + 1 round numbers (1, 2 or 5 times a power of ten apart) that cover `low` to `high`."""
    span = high - low or abs(high) or 1.0
    raw = span / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(index * step, 10) for index in range(first, max(last, first + 1) + 1)]


def _panel(name: str, curves: Sequence[Curve], colours: dict[str, str], seeds: Sequence[int]) -> Markup:
    left, top, right, bottom = 40, 26, 10, 22
    losses = [loss for curve in curves for _, loss in curve.points]
    steps = [step for curve in curves for step, _ in curve.points]
    ticks, last = nice_ticks(min(losses), max(losses), 4), max(steps)

    def place(step: float, loss: float) -> str:
        x = left + step / last * (PANEL_WIDTH - left - right)
        y = top + (ticks[-1] - loss) / (ticks[-1] - ticks[0]) * (PANEL_HEIGHT - top - bottom)
        return f"{x:.1f} {y:.1f}"

    parts = [f'<text class="name" x="{left}" y="14">{escape(name)}</text>']
    for tick in ticks:
        y = place(0, tick).split()[1]
        parts.append(f'<path class="grid" d="M{left} {y}H{PANEL_WIDTH - right}"/>')
        parts.append(f'<text class="tick" x="{left - 6}" y="{float(y) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<text class="tick" x="{left}" y="{PANEL_HEIGHT - 6}">0</text>')
    end = f"{last:,} steps"
    parts.append(f'<text class="tick" x="{PANEL_WIDTH - right}" y="{PANEL_HEIGHT - 6}" text-anchor="end">{end}</text>')
    for curve in curves:
        path = "M" + "L".join(place(step, loss) for step, loss in curve.points)
        tip = f"{curve.label}, seed {curve.seed}: {curve.points[-1][1]:.3f} at the end"
        kind = colours.get(curve.label, "shared")
        dash = f"seed{seeds.index(curve.seed) % DASHES}"
        parts.append(f'<g class="{kind} {dash}"><title>{escape(tip)}</title><path class="curve" d="{path}"/></g>')
    return svg_element(PANEL_WIDTH, PANEL_HEIGHT, f"Learning curve: {name}", parts)


def _vertical(x: str, text: str, height: int) -> str:
    kind = "zero" if text == "0" else "grid"
    return (
        f'<path class="{kind}" d="M{x} {TOP - 6}V{height - 4}"/>'
        f'<text class="tick" x="{x}" y="{TOP - 12}" text-anchor="middle">{text}</text>'
    )


def svg_element(width: int, height: int, name: str, parts: Iterable[str], kind: str = "chart") -> Markup:
    """One SVG element; `name` is its label for screen readers."""
    label = escape(name, quote=True)
    return Markup(  # all texts in it are escaped
        f'<svg class="{kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{"".join(parts)}</svg>'
    )
