"""The chart along a numeric axis of the grid: a panel for each column, a line for each combination of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from html import escape
from math import inf
from pathlib import Path
from textwrap import wrap

from markupsafe import Markup

from pali3kit.report.arms import ONLY_ARM
from pali3kit.report.axes import AxisLine, NumericAxis
from pali3kit.report.charts import LETTER, SERIES, nice_ticks, svg_element
from pali3kit.report.columns import ReportColumn
from pali3kit.report.model import Report, ResultCell, ResultTable
from pali3kit.report.paper import LEGEND, PublishedNumber
from pali3kit.report.table import number

_ACROSS = 3  # panels beside each other
_WIDTH, _HEIGHT = 376, 274  # of a panel, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 14, 46, 66
_PAPER = 52  # right of the panel, for the paper's numbers
_TITLE = 46  # characters of a line of a title
_DIGIT = 6.2  # approximate width of a digit of a tick, in pixels
_ROW, _LEGEND_ROW = 13, 22  # heights of rows of tick labels, and of the legend
_CROSS = "l8 8m-8 0l8 -8"


def axis_chart(report: Report, table: ResultTable) -> Markup:
    """All measured columns against the grid's numeric axis. "" if it has none, or nothing is measured.

    Points are means; whiskers are 95% intervals, with caps if over seeds, as far as a score can be. A line is
    interrupted where a point failed, which a cross at the bottom marks, or is missing. The paper's numbers stand right
    of the panel, at their height if it is within.
    """
    axis = NumericAxis.of(table)
    columns = [column for column in table.columns if any(row.cells[column.name].ours for row in table.rows)]
    if axis is None or not columns:
        return Markup()
    styles, across = _styles(axis.lines), min(_ACROSS, len(columns))
    beside = any(cell.paper for row in table.rows for cell in row.cells.values())
    panels = [_Panel(axis, column, styles, _PAPER if beside else 0) for column in columns]
    width = across * _WIDTH
    parts, top = _legend(_keys(report, panels, styles), width)
    for index, panel in enumerate(panels):
        x, y = index % across * _WIDTH, top + index // across * _HEIGHT
        parts.append(f'<g transform="translate({x} {y})">{"".join(panel.parts())}</g>')
    name = f"{table.title}, against {axis.title}"
    return svg_element(width, top + -(-len(panels) // across) * _HEIGHT, name, parts, f"chart across{across}")


def svg_file(chart: Markup) -> str:
    """A chart as a file of its own, with the page's colours and a background."""
    style = (Path(__file__).parent / "chart.css").read_text(encoding="utf-8")
    head, _, rest = str(chart).partition(">")
    width, height = head.partition('viewBox="0 0 ')[2].partition('"')[0].split()
    size = f'width="{width}" height="{height}"'
    opened = head.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" {size} ', 1)
    ground = '<rect width="100%" height="100%" fill="var(--card)"/>'
    return f"{opened}><style>\n{style}</style>{ground}{rest}\n"


def _styles(lines: Iterable[AxisLine]) -> dict[str, str]:
    """The classes of each line: a colour, then a dash; controls are grey."""
    styles: dict[str, str] = {}
    for control in (False, True):
        count = 1 if control else SERIES
        for index, line in enumerate(line for line in lines if line.control is control):
            styles[line.label] = f"{'shared' if control else f's{index % count}'} d{index // count % 3}"
    return styles


def _value(value: float) -> str:
    """A value of the axis: `448,000`, `0.003`, `1e-5`."""
    return f"{value:,.0f}" if value == int(value) else f"{value:g}".replace("e-0", "e-")


def _padded(bounds: list[float]) -> tuple[float, float]:
    """The range of an axis for these numbers, somewhat wider; not below 0 where they are not."""
    low, high = min(bounds), max(bounds)
    if low == high:
        first, *_, last = nice_ticks(low, high, 4)
        return first, last
    pad = 0.06 * (high - low)
    return max(0.0, low - pad) if low >= 0 else low - pad, high + pad


class _Panel:
    """The panel of a column; positions are pixels in it."""

    def __init__(self, axis: NumericAxis, column: ReportColumn, styles: Mapping[str, str], strip: int) -> None:
        """`strip` is the width of the strip right of it, for the paper's numbers."""
        self.axis, self.column, self.styles = axis, column, styles
        self.cells = {line.label: line.cells(column.name) for line in axis.lines}
        known = [cell.ours for cells in self.cells.values() for cell in cells if cell and cell.ours]
        bounded = column.benchmark.bounded and all(0 <= ours.mean <= 100 for ours in known)
        self.least, self.most = (0.0, 100.0) if bounded else (-inf, inf)
        bounds = [self.possible(bound) for ours in known for bound in (ours.low, ours.mean, ours.high)]
        self.low, self.high = _padded(bounds)
        if min(bounds) < max(bounds):
            self.low, self.high = self.possible(self.low), self.possible(self.high)
        self.right, self.bottom = _WIDTH - _RIGHT - strip, _HEIGHT - _BOTTOM

    @cached_property
    def paper(self) -> dict[str, PublishedNumber]:
        """The paper's number of each line that has one; the first has it of lines that differ in another axis."""
        found: dict[PublishedNumber, str] = {}
        for label, cells in self.cells.items():
            for cell in cells:
                if cell and cell.paper:
                    found.setdefault(cell.paper, label)
        return {label: published for published, label in found.items()}

    def x(self, place: float) -> float:
        return _LEFT + 10 + place * (self.right - _LEFT - 20)

    def possible(self, bound: float) -> float:
        """The end of an interval as far as the benchmark's scores go: few seeds have intervals far beyond."""
        return min(max(bound, self.least), self.most)

    def y(self, value: float) -> float:
        return self.bottom - (value - self.low) / (self.high - self.low) * (self.bottom - _TOP)

    def parts(self) -> Iterator[str]:
        yield from self._frame()
        failed: Counter[float] = Counter()
        for index, line in enumerate(self.axis.lines):
            shift = (index - (len(self.axis.lines) - 1) / 2) * min(3.0, 12 / len(self.axis.lines))
            marks = "".join(self._line(line, shift, failed))
            yield f'<g class="{self.styles[line.label]}">{marks}</g>'
        yield from self._published()

    def _frame(self) -> Iterator[str]:
        """Title, unit, grid, ticks at the values of the axis with as many labels as fit into two rows."""
        for row, text in enumerate(wrap(self.column.title, _TITLE)[:2]):
            yield f'<text class="name" x="4" y="{14 + row * 15}">{escape(text)}</text>'
        unit = escape(self.column.metric)
        yield f'<text class="tick" x="{self.right}" y="{_TOP - 8}" text-anchor="end">{unit}</text>'
        yield f'<path class="axis" d="M{_LEFT} {self.bottom}H{self.right}"/>'
        for tick in nice_ticks(self.low, self.high, 5):
            if not self.low <= tick <= self.high:
                continue
            y = self.y(tick)
            yield f'<path class="grid" d="M{_LEFT} {y:.1f}H{self.right}"/>'
            text = f"{tick:g}".replace("-", "−")
            yield f'<text class="tick" x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        ends = [0.0, 0.0]  # of the last label in each row
        for value, place in zip(self.axis.values, self.axis.places(), strict=True):
            x, half = self.x(place), _DIGIT * len(_value(value)) / 2 + 3
            yield f'<path class="axis" d="M{x:.1f} {self.bottom}v5"/>'
            free = next((row for row, end in enumerate(ends) if x - half >= end), None)
            if free is not None:
                ends[free] = x + half
                at = f'x="{x:.1f}" y="{self.bottom + 17 + free * _ROW}"'
                yield f'<text class="tick" {at} text-anchor="middle">{_value(value)}</text>'
        y = self.bottom + 34 + _ROW * (ends[1] > 0)
        at = f'x="{(_LEFT + self.right) / 2:.1f}" y="{y}"'
        yield f'<text class="tick" {at} text-anchor="middle">{escape(self.axis.title)}</text>'

    def _line(self, line: AxisLine, shift: float, failed: Counter[float]) -> Iterator[str]:
        """The curve, broken where a point is missing, then each point. `failed` counts crosses at each value."""
        points = [
            (self.x(place) + shift, value, cell)
            for value, place, cell in zip(self.axis.values, self.axis.places(), self.cells[line.label], strict=True)
        ]
        path, pen = "", "M"
        for x, _, cell in points:
            path += f"{pen}{x:.1f} {self.y(cell.ours.mean):.1f}" if cell and cell.ours else ""
            pen = "L" if cell and cell.ours else "M"
        yield f'<path class="curve" d="{path}"/>'
        for x, value, cell in points:
            if cell and cell.ours:
                yield self._point(x, f"{line.label}, {_value(value)}", cell)
            elif cell and cell.status == "failed":
                at = f"M{x - 4:.1f} {self.bottom - 11 - failed[value] * 10}"
                failed[value] += 1
                yield f'<path class="whisker" d="{at}{_CROSS}"><title>{escape(line.label)}: failed</title></path>'

    def _point(self, x: float, label: str, cell: ResultCell) -> str:
        assert cell.ours
        digits, ours = self.column.benchmark.digits, cell.ours
        tip = f"{label}: {number(ours.mean, digits=digits)}"
        low, mean, high = (self.y(self.possible(bound)) for bound in (ours.low, ours.mean, ours.high))
        whisker = ""
        if ours.method != "none":
            tip += f" ({number(ours.low, digits=digits)} to {number(ours.high, digits=digits)}, {ours.method})"
            own = [self.y(bound) for bound in (ours.low, ours.high) if self.least <= bound <= self.most]
            caps = "".join(f"M{x - 4:.1f} {y:.1f}h8" for y in own if ours.method == "t over seeds")
            whisker = f'<path class="whisker" d="M{x:.1f} {low:.1f}V{high:.1f}{caps}"/>'
        return f'{whisker}<circle cx="{x:.1f}" cy="{mean:.1f}" r="3.5"><title>{escape(tip)}</title></circle>'

    def _published(self) -> Iterator[str]:
        """The paper's numbers: a diamond at its height, or an arrow if it is outside; texts keep a distance."""
        texts = []
        for label, published in self.paper.items():
            text = number(published.value, digits=self.column.benchmark.digits) + published.mark
            within = self.low <= published.value <= self.high
            y = self.y(min(max(published.value, self.low), self.high))
            if within:
                diamond = f'<path class="paper" d="M{self.right + 9} {y - 5:.1f}l5 5-5 5-5-5z"/>'
                yield f'<g class="{self.styles[label]}">{diamond}</g>'
            arrow = "" if within else "↑" if published.value > self.high else "↓"
            texts.append((y, -published.value, arrow + text, label))
        below = float(_TOP - _ROW)
        texts.sort()
        for count, (y, _, text, label) in enumerate(texts):
            below = max(below + _ROW, min(y, self.bottom - _ROW * (len(texts) - count - 1)))
            at = f'x="{self.right + (4 if text[0] in "↑↓" else 17)}" y="{below + 4:.1f}"'
            yield f'<g class="{self.styles[label]}"><text class="beside" {at}>{text}</text></g>'


def _keys(report: Report, panels: list[_Panel], styles: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    """What the legend explains: the classes and the path of a sign, 20 pixels wide, and a text."""
    cells = [cell for panel in panels for cells in panel.cells.values() for cell in cells if cell]
    methods = {cell.ours.method for cell in cells if cell.ours}
    for label, style in styles.items():
        if label != ONLY_ARM:
            yield style, '<path class="curve" d="M0 0H20"/><circle cx="10" cy="0" r="3.5"/>', label
    if any(panel.paper for panel in panels):
        assert report.published
        daggers = any(published.mark for panel in panels for published in panel.paper.values())
        text = f"the paper, ViT-{report.published.vit}" + (f" ({LEGEND})" if daggers else "")
        yield "", '<path class="paper" d="M10 -5l5 5-5 5-5-5z"/>', text
    if "t over seeds" in methods:
        yield "shared", '<path class="whisker" d="M10 -6V6M6 -6h8M6 6h8"/>', "95% interval over seeds"
    if "bootstrap over samples" in methods:
        yield "shared", '<path class="whisker" d="M10 -6V6"/>', "95% interval over test samples (fewer than 3 seeds)"
    if any(cell.status == "failed" for cell in cells):
        yield "shared", f'<path class="whisker" d="M6 -4{_CROSS}"/>', "failed"


def _legend(keys: Iterable[tuple[str, str, str]], width: int) -> tuple[list[str], int]:
    """The legend's parts and its height; it is broken where it is wider than `width`."""
    parts, x, row = [], 4.0, 0
    for style, sign, text in keys:
        size = 46 + LETTER * 0.87 * len(text)
        if x > 4 and x + size > width:
            x, row = 4.0, row + 1
        at = f"translate({x:.1f} {14 + row * _LEGEND_ROW})"
        parts.append(f'<g class="{style}" transform="{at}">{sign}<text x="26" y="4">{escape(text)}</text></g>')
        x += size
    return parts, (row + 1) * _LEGEND_ROW + 12 if parts else 8
