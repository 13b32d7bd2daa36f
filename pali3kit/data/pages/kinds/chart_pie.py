"""Pie and ring charts whose values are printed. Kinds of questions are ChartQA's groups."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate, pairwise

from pali3kit.data.pages.canvas import BLACK, WHITE, Canvas
from pali3kit.data.pages.charts import COLOURS, LIGHT, MEASURES, PAPERS, PLACES, is_dark, sample_values
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.data.pages.page import PageKind, ask
from pali3kit.data.pages.shapes import fill_wedge, on_circle
from pali3kit.data.world.chance import Draw, pick, shuffled
from pali3kit.data.world.palette import RGB
from pali3kit.data.world.questions import Question

_COUNTS = (3, 4, 5)  # slices
_LEAST = 0.09  # the share of a slice
_HUMAN = 3  # questions that compare, count or compute, of each chart


@dataclass(frozen=True, slots=True)
class PieChart:
    """Values, clockwise from the top, with the names and colours of their slices."""

    title: str
    measure: str
    item: str
    names: tuple[str, ...]
    colours: tuple[str, ...]
    values: tuple[int, ...]
    layout: tuple[int, ...]  # paper, ring or pie, legend right or left, its height, bold title

    def turns(self) -> list[tuple[float, float]]:
        """Start and end of each slice, parts of the whole turn."""
        ends = [end / sum(self.values) for end in accumulate(self.values, initial=0)]
        return list(pairwise(ends))


def _sample(lexicon: Lexicon, draw: Draw, size: int) -> PieChart:
    item, measure = pick(PLACES, draw), pick(MEASURES, draw)
    count = pick(_COUNTS, draw)
    title = f"{measure.capitalize()} by {item}" if draw() < 0.5 else f"{lexicon.name(draw)} {measure}"
    return PieChart(
        title=title,
        measure=measure,
        item=item,
        names=lexicon.names(draw, count),
        colours=tuple(shuffled(tuple(COLOURS), draw)[:count]),
        values=_values(lexicon, draw, count),
        layout=lexicon.layout(draw, len(PAPERS), 2, 2, 3, 2),
    )


def _values(lexicon: Lexicon, draw: Draw, count: int) -> tuple[int, ...]:
    """Values whose slices have room for their numbers."""
    while True:
        values = sample_values(lexicon, draw, count, 10, 99)
        if min(values) >= _LEAST * sum(values):
            return values


def _draw(facts: PieChart, canvas: Canvas) -> None:
    paper, ring, left, height, bold = facts.layout
    canvas.fill((0, 0, canvas.size, canvas.size), PAPERS[paper])
    ink: RGB = WHITE if is_dark(PAPERS[paper]) else BLACK
    face, wide = "bold" if bold else "sans", canvas.px(120)
    canvas.text(
        facts.title, canvas.px(2), canvas.size // 2, canvas.px(10), face=face, ink=ink, align="middle", width=wide
    )
    radius, centre = canvas.px(43), (canvas.px(70), canvas.px(81 if left else 47))
    for value, colour, (start, end) in zip(facts.values, facts.colours, facts.turns(), strict=True):
        fill_wedge(canvas, centre, radius, start, end, COLOURS[colour])
        y, x = on_circle(centre, radius * 0.7, (start + end) / 2)
        inside = BLACK if colour in LIGHT else WHITE
        canvas.text(str(value), round(y) - canvas.em // 2, round(x), ink=inside, align="middle")
    if ring:
        hole = radius * 2 // 5
        y, x = centre
        canvas.fill((y - hole, x - hole, y + hole, x + hole), PAPERS[paper], hole)
    top, x = canvas.px(24 + 10 * height), canvas.px(2 if left else 94)
    for number, (name, colour) in enumerate(zip(facts.names, facts.colours, strict=True)):
        y = top + number * canvas.px(13)
        canvas.fill((y + canvas.px(2), x, y + canvas.px(9), x + canvas.px(7)), COLOURS[colour])
        canvas.text(name, y, x + canvas.px(9), ink=ink, width=canvas.px(25))


def _questions(facts: PieChart, draw: Draw) -> list[Question]:
    forms: list[Callable[[PieChart, Draw], Question]] = [
        _extreme, _difference, _sum, _count_larger, _colour, _coloured, _more, _number,
    ]  # fmt: skip
    value = pick(("how many {} in {}?", "what is the number of {} in {}?"), draw)
    which = pick(("which {} has {} {}?", "in which {} are there {} {}?"), draw)
    one, other = (int(draw() * len(facts.names)) for _ in range(2))
    return [
        ask(value.format(facts.measure, facts.names[one]), str(facts.values[one]), "augmented"),
        ask(which.format(facts.item, facts.values[other], facts.measure), facts.names[other], "augmented"),
        *(form(facts, draw) for form in shuffled(forms, draw)[:_HUMAN]),
    ]


def _extreme(facts: PieChart, draw: Draw) -> Question:
    most = draw() < 0.5
    value = max(facts.values) if most else min(facts.values)
    text = f"which {facts.item} has the {'largest' if most else 'smallest'} share of {facts.measure}?"
    return ask(text, facts.names[facts.values.index(value)], "human")


def _two(facts: PieChart, draw: Draw) -> tuple[int, int]:
    one, other = shuffled(range(len(facts.names)), draw)[:2]
    return one, other


def _difference(facts: PieChart, draw: Draw) -> Question:
    one, other = _two(facts, draw)
    text = f"what is the difference between {facts.names[one]} and {facts.names[other]}?"
    return ask(text, str(abs(facts.values[one] - facts.values[other])), "human")


def _sum(facts: PieChart, draw: Draw) -> Question:
    one, other = _two(facts, draw)
    text = f"how many {facts.measure} in {facts.names[one]} and {facts.names[other]} together?"
    return ask(text, str(facts.values[one] + facts.values[other]), "human")


def _count_larger(facts: PieChart, draw: Draw) -> Question:
    at, larger = int(draw() * len(facts.names)), draw() < 0.5
    count = sum((value > facts.values[at]) == larger for value in facts.values) - (not larger)
    words = "larger" if larger else "smaller"
    return ask(f"how many slices are {words} than {facts.names[at]}?", str(count), "human")


def _colour(facts: PieChart, draw: Draw) -> Question:
    at = int(draw() * len(facts.names))
    return ask(f"what colour is {facts.names[at]}?", facts.colours[at], "human")


def _coloured(facts: PieChart, draw: Draw) -> Question:
    at = int(draw() * len(facts.names))
    return ask(f"what does the {facts.colours[at]} slice show?", facts.names[at], "human")


def _more(facts: PieChart, draw: Draw) -> Question:
    """Whether a slice is larger than another: yes and no are equally likely."""
    pair = _two(facts, draw)
    more, fewer = sorted(pair, key=lambda at: -facts.values[at])
    yes = draw() < 0.5
    first, second = (more, fewer) if yes else (fewer, more)
    return ask(f"is {facts.names[first]} larger than {facts.names[second]}?", "yes" if yes else "no", "human")


def _number(facts: PieChart, draw: Draw) -> Question:
    return ask("how many slices are shown?", str(len(facts.names)), "human")


def _captions(facts: PieChart, draw: Draw) -> list[str]:
    form = "ring chart" if facts.layout[1] else "pie chart"
    best = facts.names[facts.values.index(max(facts.values))]
    return [
        f"a {form} of {facts.measure} by {facts.item}",
        f'a {form} with the title "{facts.title}"',
        f"a {form} in which {best} has the largest share",
    ]


CHART_PIE = PageKind("chart_pie", "pie and ring charts", _sample, _draw, _questions, _captions)
