"""The chart of a leaderboard: worth against each cost with its front, and how well measures foretell the worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil, floor, log10

from markupsafe import Markup

from pali3kit.report.charts import nice_ticks, svg_element
from pali3kit.report.correlation import RankCorrelation
from pali3kit.report.leaderboard import WORTH, EncoderCost, Entry, Leaderboard
from pali3kit.report.table import number

_ACROSS = 3  # panels beside each other
_WIDTH, _HEIGHT = 376, 300  # of a panel, in pixels
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 22, 34, 46
_LEGEND = 34  # height
_DIGIT, _LINE = 7.0, 11.0  # width of a digit of a number beside a point, and height of a line of it
_ROW = 34  # height of a measure, at most
_PAD = 14  # between the axes and the points
_ARROW = {False: "less is better", True: "more is better"}


def leaderboard_chart(board: Leaderboard) -> Markup:
    """A panel for each cost, on a logarithmic scale, whose points have the places of the leaderboard; and a panel with
    the rank correlations of the measures of the encoder alone. "" where nothing has a worth.
    """
    entries = [entry for entry in board.entries if entry.worth is not None]
    panels = ["".join(_panel(cost, shown)) for cost in board.costs if (shown := _known(entries, cost))]
    if not panels:
        return Markup()
    measures = [(title, one) for title, one in board.measures if one.rho is not None]
    if measures:
        panels.append("".join(_correlations(measures)))
    across = min(_ACROSS, len(panels))
    parts = [*_legend()]
    for index, panel in enumerate(panels):
        x, y = index % across * _WIDTH, _LEGEND + index // across * _HEIGHT
        parts.append(f'<g transform="translate({x} {y})">{panel}</g>')
    height = _LEGEND + -(-len(panels) // across) * _HEIGHT
    return svg_element(across * _WIDTH, height, "Leaderboard of encoders", parts, f"chart across{across}")


def _known(entries: Sequence[Entry], cost: EncoderCost) -> list[Entry]:
    return [entry for entry in entries if cost.name in entry.costs]


def _legend() -> Iterator[str]:
    """Its texts fit into the width of one panel."""
    yield '<g class="s0" transform="translate(4 14)"><path class="curve" d="M0 0H20"/><circle cx="10" cy="0" r="4"/>'
    yield '<text x="26" y="4">on the front</text></g>'
    yield '<g class="shared" transform="translate(136 14)"><circle cx="10" cy="0" r="4"/>'
    yield '<text x="22" y="4">others; numbers are places</text></g>'


def _panel(cost: EncoderCost, entries: Sequence[Entry]) -> Iterator[str]:
    costs, worths = [entry.costs[cost.name] for entry in entries], [entry.worth or 0.0 for entry in entries]
    low, high = (log10(max(bound, 1e-9)) for bound in (min(costs), max(costs)))
    right, bottom, ticks = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM, nice_ticks(min(worths), max(worths), 5)

    def x(value: float) -> float:
        share = (log10(max(value, 1e-9)) - low) / (high - low) if high > low else 0.5
        return _LEFT + _PAD + share * (right - _LEFT - 2 * _PAD)

    def y(worth: float) -> float:
        return bottom - _PAD - (worth - ticks[0]) / (ticks[-1] - ticks[0]) * (bottom - _PAD - _TOP)

    yield f'<text class="name" x="4" y="14">Worth against {escape(cost.name)}</text>'
    yield f'<path class="axis" d="M{_LEFT} {bottom}H{right}"/>'
    for tick in ticks:
        yield f'<path class="grid" d="M{_LEFT} {y(tick):.1f}H{right}"/>'
        yield f'<text class="tick" x="{_LEFT - 6}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
    for value in _log_ticks(min(costs), max(costs)):
        yield f'<path class="axis" d="M{x(value):.1f} {bottom}v5"/>'
        yield f'<text class="tick" x="{x(value):.1f}" y="{bottom + 17}" text-anchor="middle">{cost.text(value)}</text>'
    at = f'x="{(_LEFT + right) / 2:.1f}" y="{bottom + 36}" text-anchor="middle"'
    unit = f"{cost.name}, {cost.unit} (log scale, {_ARROW[cost.more_is_better]})"
    yield f'<text class="tick" {at}>{escape(unit)}</text>'
    places = {entry.row.label: (x(entry.costs[cost.name]), y(entry.worth or 0.0)) for entry in entries}
    yield from _front_line(cost, entries, places)
    yield from _points(cost, entries, places)


def _front_line(
    cost: EncoderCost, entries: Sequence[Entry], places: Mapping[str, tuple[float, float]]
) -> Iterator[str]:
    """The front as steps, from its cheapest point to its best."""
    front = sorted(places[entry.row.label] for entry in entries if cost.name in entry.fronts)
    if cost.more_is_better:
        front.reverse()
    if front:
        path = f"M{front[0][0]:.1f} {front[0][1]:.1f}" + "".join(f"H{x:.1f}V{y:.1f}" for x, y in front[1:])
        yield f'<g class="s0"><path class="curve" d="{path}"/></g>'


def _points(cost: EncoderCost, entries: Sequence[Entry], places: Mapping[str, tuple[float, float]]) -> Iterator[str]:
    """Each point with its place beside it, where there is room; on the front, on the side without its line."""
    taken = [(x - 5, y - 5, x + 5, y + 5) for x, y in places.values()]
    for entry in entries:
        x, y = places[entry.row.label]
        on_front, beyond = cost.name in entry.fronts, 1 if cost.more_is_better else -1
        style = "s0" if on_front else "shared"
        tip = f"{entry.row.label}: {WORTH} {number(entry.worth or 0.0)}, {cost.text(entry.costs[cost.name])}"
        yield f'<g class="{style}"><circle cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(tip)}</title></circle></g>'
        text = str(entry.place)
        half = _DIGIT * len(text) / 2
        corner, side = (beyond * (5 + half), -9.0), 7 + half
        around = ((side, 0.0), (-side, 0.0), (0.0, -12.0), (0.0, 12.0), (side, -11.0), (-side, -11.0), (side, 11.0))
        for dx, dy in (corner, *around) if on_front else around:
            box = (x + dx - half, y + dy - _LINE / 2, x + dx + half, y + dy + _LINE / 2)
            if not any(_overlap(box, other) for other in taken):
                taken.append(box)
                at = f'x="{x + dx:.1f}" y="{y + dy + 4:.1f}" text-anchor="middle"'
                yield f'<text class="tick" {at}>{text}</text>'
                break


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _log_ticks(low: float, high: float) -> list[float]:
    """Powers of ten between the ends, with twice and five times of them where they are few; the ends where none is."""
    if low <= 0:
        return [high]
    powers = range(floor(log10(low)), ceil(log10(high)) + 1)
    for factors in ((1,), (1, 2, 5)):
        found = [factor * 10.0**power for power in powers for factor in factors]
        found = [value for value in found if low <= value <= high]
        if len(found) > 2:
            return found
    return list(dict.fromkeys([low, *found, high])) if len(found) < 2 else found


def _correlations(measures: Sequence[tuple[str, RankCorrelation]]) -> Iterator[str]:
    """A point with its interval for each measure, from -1 to 1."""
    right, row = _WIDTH - _RIGHT, min(_ROW, (_HEIGHT - _TOP - 30) / len(measures))
    bottom = round(_TOP + 6 + row * len(measures))

    def x(value: float) -> float:
        return _LEFT + (value + 1) / 2 * (right - _LEFT)

    yield '<text class="name" x="4" y="14">Rank correlation with the worth</text>'
    for tick in (-1.0, -0.5, 0.0, 0.5, 1.0):
        style = "zero" if tick == 0 else "grid"
        yield f'<path class="{style}" d="M{x(tick):.1f} {_TOP - 8}V{bottom}"/>'
        text = f"{tick:g}".replace("-", "−")
        yield f'<text class="tick" x="{x(tick):.1f}" y="{bottom + 17}" text-anchor="middle">{text}</text>'
    for index, (title, found) in enumerate(measures):
        y = _TOP + row * (index + 0.72)
        over = 'paint-order="stroke" stroke="var(--card)" stroke-width="4"'  # the lines that it stands over
        yield f'<text class="tick" x="{_LEFT}" y="{y - 10:.1f}" {over}>{escape(title)}, n {found.n}</text>'
        yield f'<g class="s0"><path class="whisker" d="M{x(found.low):.1f} {y:.1f}H{x(found.high):.1f}"/>'
        tip = escape(f"{title}: {found}")
        yield f'<circle cx="{x(found.rho or 0.0):.1f}" cy="{y:.1f}" r="4"><title>{tip}</title></circle></g>'
