"""Questions about charts with axes, and their captions.

Kinds of questions are ChartQA's groups: "augmented" ones read a value or a label, "human" ones compare, count and
compute.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import permutations

from pali3kit.data.pages.charts import ChartData, Series
from pali3kit.data.pages.page import ask
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.questions import Question

_HUMAN = 3  # questions that compare, count or compute, of each chart


def ask_about_values(chart: ChartData, mark: str, draw: Draw) -> list[Question]:
    """Two augmented and three human questions; `mark` is what shows a value: "bar", "point"."""
    forms: list[Callable[[ChartData, str, Draw], Question | None]] = [
        _extreme, _difference, _sum, _count_above, _colour, _coloured, _more, _number,
    ]  # fmt: skip
    if mark == "point":
        forms.append(_trend)
    human = (form(chart, mark, draw) for form in shuffled(forms, draw))
    found = [question for question in human if question is not None][:_HUMAN]
    return [_value(chart, draw), _label(chart, draw), *found]


def _cell(chart: ChartData, series: Series, label: str) -> str:
    """`"visitors in 2012"` or `"visitors of Moka in 2012"`."""
    owner = f" of {series.name}" if series.name else ""
    return f"{chart.measure}{owner} in {label}"


def _value(chart: ChartData, draw: Draw) -> Question:
    series = pick(chart.series, draw)
    at = int(draw() * len(chart.labels))
    cell = _cell(chart, series, chart.labels[at])
    form = pick(("how many {}?", "what is the number of {}?", "what was the number of {}?"), draw)
    return ask(form.format(cell), str(series.values[at]), "augmented")


def _label(chart: ChartData, draw: Draw) -> Question:
    """The label of a value, which no other label of the series has."""
    series = pick(chart.series, draw)
    at = int(draw() * len(chart.labels))
    owner = f" of {series.name}" if series.name else ""
    form = pick(("which {} has {} {}{}?", "in which {} are there {} {}{}?"), draw)
    return ask(form.format(chart.item, series.values[at], chart.measure, owner), chart.labels[at], "augmented")


def _extreme(chart: ChartData, mark: str, draw: Draw) -> Question:
    series = pick(chart.series, draw)
    most = draw() < 0.5
    value = max(series.values) if most else min(series.values)
    owner = f" of {series.name}" if series.name else ""
    words = pick(("most", "largest number of") if most else ("fewest", "smallest number of"), draw)
    text = f"which {chart.item} has the {words} {chart.measure}{owner}?"
    return ask(text, chart.labels[series.values.index(value)], "human")


def _two(chart: ChartData, draw: Draw) -> tuple[Series, int, int]:
    """A series and the positions of two labels."""
    series = pick(chart.series, draw)
    one, other = shuffled(range(len(chart.labels)), draw)[:2]
    return series, one, other


def _difference(chart: ChartData, mark: str, draw: Draw) -> Question:
    series, one, other = _two(chart, draw)
    owner = f" of {series.name}" if series.name else ""
    text = f"what is the difference in {chart.measure}{owner} between {chart.labels[one]} and {chart.labels[other]}?"
    return ask(text, str(abs(series.values[one] - series.values[other])), "human")


def _sum(chart: ChartData, mark: str, draw: Draw) -> Question:
    series, one, other = _two(chart, draw)
    owner = f" of {series.name}" if series.name else ""
    form = pick(("what is the sum of {}{} in {} and {}?", "how many {}{} in {} and {} together?"), draw)
    text = form.format(chart.measure, owner, chart.labels[one], chart.labels[other])
    return ask(text, str(series.values[one] + series.values[other]), "human")


def _count_above(chart: ChartData, mark: str, draw: Draw) -> Question | None:
    """How many marks lie above or below a tick that none is close to."""
    values = [value for series in chart.series for value in series.values]
    bounds = [
        bound for bound in range(chart.step, chart.top, chart.step)
        if all(abs(value - bound) * 25 >= chart.top for value in values)
    ]  # fmt: skip
    if not bounds:
        return None
    bound, above = pick(bounds, draw), draw() < 0.5
    count = sum((value > bound) == above for value in values)
    return ask(f"how many {mark}s are {'above' if above else 'below'} {bound}?", str(count), "human")


def _colour(chart: ChartData, mark: str, draw: Draw) -> Question | None:
    if len(chart.colours) == 1:
        return ask(f"what colour are the {mark}s?", chart.colours[0], "human")
    names = chart.labels if chart.by_label else [series.name for series in chart.series]
    at = int(draw() * len(names))
    return ask(f"what colour is {names[at]}?", chart.colours[at], "human")


def _coloured(chart: ChartData, mark: str, draw: Draw) -> Question | None:
    """The label or series of a colour."""
    if len(chart.colours) == 1:
        return None
    names = chart.labels if chart.by_label else [series.name for series in chart.series]
    at = int(draw() * len(names))
    return ask(f"what does the {chart.colours[at]} {'bar' if mark == 'bar' else 'line'} show?", names[at], "human")


def _more(chart: ChartData, mark: str, draw: Draw) -> Question:
    """Whether a label has more than another: yes and no are equally likely."""
    yes = draw() < 0.5
    series = pick(chart.series, draw)
    more, fewer = pick([
        (one, other)
        for one, other in permutations(range(len(chart.labels)), 2)
        if series.values[one] > series.values[other]
    ], draw)  # fmt: skip
    first, second = (more, fewer) if yes else (fewer, more)
    owner = f" of {series.name}" if series.name else ""
    text = f"are there more {chart.measure}{owner} in {chart.labels[first]} than in {chart.labels[second]}?"
    return ask(text, "yes" if yes else "no", "human")


def _trend(chart: ChartData, mark: str, draw: Draw) -> Question:
    """Whether values rise or fall between two labels: both are equally likely."""
    rise = draw() < 0.5
    pairs = [
        (series, one, other)
        for series in chart.series
        for one, other in permutations(range(len(chart.labels)), 2)
        if series.values[one] < series.values[other]
    ]
    series, low, high = pick([pair for pair in pairs if (pair[1] < pair[2]) == rise] or pairs, draw)
    first, last = min(low, high), max(low, high)
    text = f"do {_cell(chart, series, chart.labels[first])} rise or fall until {chart.labels[last]}?"
    return ask(text, "rise" if low < high else "fall", "human")


def _number(chart: ChartData, mark: str, draw: Draw) -> Question:
    what, count = pick(
        [(f"{chart.item}s", len(chart.labels)), (f"{mark}s", len(chart.labels) * len(chart.series))], draw
    )
    what = "cities" if what == "citys" else what
    return ask(f"how many {what} are shown?", str(count), "human")


def describe_chart(chart: ChartData, form: str) -> list[str]:
    """Captions: its form and title, and what is highest."""
    first = chart.series[0]
    best = chart.labels[first.values.index(max(first.values))]
    owner = f" of {' and '.join(series.name for series in chart.series)}" if first.name else ""
    return [
        f"a {form} of {chart.measure}{owner} by {chart.item}",
        f'a {form} with the title "{chart.title}"',
        f"a {form} in which {_cell(chart, first, best)} are highest",
    ]
