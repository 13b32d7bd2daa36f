"""What a chart shows, for charts of all forms: its data, words and looks; and what all of them draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from pali3kit.data.pages.canvas import BLACK, GREY, WHITE, Canvas
from pali3kit.data.pages.lexicon import MONTHS, Lexicon
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.palette import RGB, TILES
from pali3kit.data.world.scene import Box

COLOURS: dict[str, RGB] = {name: rgb for name, rgb in TILES.items() if name not in ("white", "black")} | {
    "brown": (140, 88, 44), "pink": (238, 130, 180),
}  # fmt: skip
LIGHT = ("yellow", "orange", "pink")  # colours on which text is black
DIM = ("purple", "brown")  # colours that are hard to see on dark paper
MEASURES = ("visitors", "members", "orders", "votes", "goals", "trains", "schools", "letters")
PLACES = ("city", "shop", "club", "park")  # what labels are, beside years and months
PAPERS: tuple[RGB, ...] = (WHITE, (240, 240, 242), (252, 244, 224), (228, 240, 252), (38, 42, 52))
_STEPS = (5, 10, 20, 25, 50, 100, 200, 250)


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one series, one for each label of its chart."""

    name: str  # "" where there is only one
    values: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ChartLook:
    """What of a chart says nothing: indices of choices, which are a layout of the split."""

    paper: int
    grid: int  # lines at ticks: 0 none, 1 light, 2 dashed
    legend: int  # 0 above, 1 below
    bold: int
    title: int  # 0 left, 1 in the middle
    width: int  # of bars or lines, 0 to 2


@dataclass(frozen=True, slots=True)
class ChartData:
    """The data of a chart and how they are shown.

    `colours` are those of the series or, of a single series, of its labels or of all of it.
    """

    title: str
    measure: str  # what is counted
    item: str  # what labels are: "year", "month" or one of `PLACES`
    labels: tuple[str, ...]
    series: tuple[Series, ...]
    colours: tuple[str, ...]
    printed: bool  # whether values stand at their marks
    look: ChartLook
    step: int  # between two ticks of the axis of values
    top: int  # end of that axis

    @property
    def by_label(self) -> bool:
        """Whether colours tell labels apart."""
        return len(self.series) == 1 and len(self.colours) > 1

    def colour(self, series: int, label: int) -> str:
        """The colour's name of a value's mark."""
        return self.colours[label if self.by_label else series]

    @property
    def ink(self) -> RGB:
        """The colour of text and axes."""
        return WHITE if is_dark(PAPERS[self.look.paper]) else BLACK


def is_dark(paper: RGB) -> bool:
    """Whether white is printed on a paper."""
    return sum(paper) < 300


def sample_chart(
    lexicon: Lexicon,
    draw: Draw,
    values: Sequence[tuple[int, ...]],
    colours: int,
    largest: int,
    items: Sequence[str] = ("year", "month", *PLACES),
) -> ChartData:
    """Words, `colours` colours and a look for the values of each series; the axis goes to `largest` or beyond.

    `items`: what labels may be.
    """
    look = ChartLook(*lexicon.layout(draw, len(PAPERS), 3, 2, 2, 2, 3))
    dark = is_dark(PAPERS[look.paper])
    item = pick(items, draw)
    labels = _labels(lexicon, draw, item, len(values[0]))
    measure = pick(MEASURES, draw)
    names = lexicon.names(draw, len(values)) if len(values) > 1 else ("",)
    title = f"{measure.capitalize()} by {item}" if draw() < 0.5 else f"{lexicon.name(draw)} {measure}"
    step, top = _ticks(largest)
    return ChartData(
        title=title,
        measure=measure,
        item=item,
        labels=labels,
        series=tuple(Series(name, row) for name, row in zip(names, values, strict=True)),
        colours=tuple(shuffled([name for name in COLOURS if not (dark and name in DIM)], draw)[:colours]),
        printed=draw() < 0.5,
        look=look,
        step=step,
        top=top,
    )


def sample_values(lexicon: Lexicon, draw: Draw, count: int, low: int, high: int) -> tuple[int, ...]:
    """Values of which any two differ by at least a twentieth of `high`."""
    while True:
        values = tuple(lexicon.number(draw, low, high) for _ in range(count))
        ordered = sorted(values)
        if all(20 * (b - a) >= high for a, b in pairwise(ordered)):
            return values


def _labels(lexicon: Lexicon, draw: Draw, item: str, count: int) -> tuple[str, ...]:
    """Years or months in order, or names."""
    if item == "year":
        years = sorted(lexicon.distinct(lambda: lexicon.number(draw, 1950, 2029), count))
        return tuple(map(str, years))
    if item == "month":
        first = int(draw() * (len(MONTHS) - count + 1))
        return MONTHS[first : first + count]
    return lexicon.names(draw, count)


def _ticks(largest: int) -> tuple[int, int]:
    """The step between ticks of an axis from 0, and its end: at most five steps."""
    step = next(step for step in _STEPS if 5 * step >= largest)
    return step, -(-largest // step) * step


def draw_title(chart: ChartData, canvas: Canvas) -> None:
    """Fill the paper and print the title."""
    canvas.fill((0, 0, canvas.size, canvas.size), PAPERS[chart.look.paper])
    face, middle = "bold" if chart.look.bold else "sans", chart.look.title
    x, align = (canvas.size // 2, "middle") if middle else (canvas.px(4), "left")
    canvas.text(
        chart.title, canvas.px(2), x, canvas.px(10), face=face, ink=chart.ink, align=align, width=canvas.px(120)
    )


def plot_box(chart: ChartData, canvas: Canvas, upright: bool) -> Box:
    """The box of the marks, with room for the title, the legend and the texts of the axes."""
    legend = len(chart.series) > 1
    top = canvas.px(17 + 12 * (legend and not chart.look.legend))
    low = canvas.size - canvas.em - canvas.px(4)
    left, right = (23, 124) if upright else (26, 116)
    return top, canvas.px(left), low - (legend and chart.look.legend) * (canvas.em + canvas.px(3)), canvas.px(right)


def draw_legend(chart: ChartData, canvas: Canvas) -> None:
    """Swatches and names of several series, in a row above or below the marks."""
    if len(chart.series) < 2:
        return
    y = canvas.size - canvas.em - canvas.px(3) if chart.look.legend else canvas.px(14)
    room = canvas.px(120) // len(chart.series)
    for number, series in enumerate(chart.series):
        x = canvas.px(6) + number * room
        canvas.fill((y + canvas.px(2), x, y + canvas.px(9), x + canvas.px(7)), COLOURS[chart.colours[number]])
        canvas.text(series.name, y, x + canvas.px(10), ink=chart.ink, width=room - canvas.px(12))


def draw_ticks(chart: ChartData, canvas: Canvas, box: Box, upright: bool) -> None:
    """The axis of values along the left of the box or, if not `upright`, along its bottom, with numbers at ticks."""
    y0, x0, y1, x1 = box
    for value in range(0, chart.top + 1, chart.step):
        at = along(chart, value, y1, y0) if upright else along(chart, value, x0, x1)
        if upright:
            _grid_line(chart, canvas, (at, x0, at + 1, x1), value)
            end = x0 - canvas.px(2)
            canvas.text(str(value), at - canvas.em // 2, end, ink=chart.ink, align="right", width=end - 1)
        else:
            _grid_line(chart, canvas, (y0, at, y1, at + 1), value)
            if chart.top // chart.step < 4 or value // chart.step % 2 == 0:
                canvas.text(str(value), y1 + canvas.px(2), at, ink=chart.ink, align="middle")
    canvas.fill((y0, x0, y1, x0 + 1), chart.ink)
    canvas.fill((y1, x0, y1 + 1, x1), chart.ink)


def along(chart: ChartData, value: int, start: int, end: int) -> int:
    """The pixel of a value on an axis that runs from `start` to `end`."""
    return start + (2 * value * (end - start) + chart.top) // (2 * chart.top)


def _grid_line(chart: ChartData, canvas: Canvas, box: Box, value: int) -> None:
    if not value or not chart.look.grid:
        return
    light: RGB = (88, 92, 102) if chart.ink == WHITE else (206, 206, 210)
    y0, x0, y1, x1 = box
    dash = canvas.px(2) if chart.look.grid == 2 else max(y1 - y0, x1 - x0)
    colour = GREY if chart.look.grid == 2 else light
    for start in range(0, max(y1 - y0, x1 - x0), 2 * dash):
        if x1 - x0 > 1:
            canvas.fill((y0, x0 + start, y1, min(x0 + start + dash, x1)), colour)
        else:
            canvas.fill((y0 + start, x0, min(y0 + start + dash, y1), x1), colour)
