"""A reader of charts with axes: answers a question from a table of values, and measures drawn marks."""

from __future__ import annotations

import re

import numpy as np

from pali3kit.data.pages.charts import COLOURS, ChartData
from pali3kit.data.pages.page import Drawing

Table = dict[str, dict[str, int]]  # values by series and label

OWNED = r"\w+(?: of (?P<series>\w+))?"  # what is counted, and whose
FORMS = {
    "sum": rf"(?:what is the sum of|how many) {OWNED} in (?P<a>\w+) and (?P<b>\w+)(?: together)?\?",
    "value": rf"(?:how many|what is the number of|what was the number of) {OWNED} in (?P<a>\w+)\?",
    "label": rf"(?:which \w+ has|in which \w+ are there) (?P<value>\d+) {OWNED}\?",
    "extreme": rf"which \w+ has the (?P<which>most|largest number of|fewest|smallest number of) {OWNED}\?",
    "difference": rf"what is the difference in {OWNED} between (?P<a>\w+) and (?P<b>\w+)\?",
    "above": r"how many \w+ are (?P<side>above|below) (?P<value>\d+)\?",
    "single": r"what colour are the \w+\?",
    "colour": r"what colour is (?P<a>\w+)\?",
    "coloured": r"what does the (?P<colour>\w+) (?:bar|line) show\?",
    "more": rf"are there more {OWNED} in (?P<a>\w+) than in (?P<b>\w+)\?",
    "trend": rf"do {OWNED} in (?P<a>\w+) rise or fall until (?P<b>\w+)\?",
    "number": r"how many (?P<what>\w+) are shown\?",
}


def table_of(chart: ChartData) -> Table:
    return {one.name: dict(zip(chart.labels, one.values, strict=True)) for one in chart.series}


def colours_of(chart: ChartData) -> dict[str, str]:
    """Colours by the names that they stand for; by "" where all marks have the same."""
    if len(chart.colours) == 1:
        return {"": chart.colours[0]}
    names = [one.name for one in chart.series] if len(chart.series) > 1 else chart.labels
    return dict(zip(names, chart.colours, strict=True))


def read_chart(text: str, table: Table, colours: dict[str, str]) -> tuple[str, str]:
    """The form of a question and its answer; every form of a question but one of them must not fit."""
    form, found = next((name, match) for name, form in FORMS.items() if (match := re.fullmatch(form, text)))
    said = found.groupdict()
    row = table[said.get("series") or next(iter(table))] if "series" in said else {}
    one, other = row.get(said.get("a", ""), 0), row.get(said.get("b", ""), 0)
    everything = [value for each in table.values() for value in each.values()]
    if form == "label":
        (label,) = (name for name, value in row.items() if value == int(said["value"]))
        return form, label
    if form == "extreme":
        order = sorted(row, key=row.__getitem__)
        return form, order[-1 if said["which"].startswith(("most", "largest")) else 0]
    if form == "above":
        bound = int(said["value"])
        return form, str(sum(value > bound if said["side"] == "above" else value < bound for value in everything))
    if form == "coloured":
        (name,) = (name for name, colour in colours.items() if colour == said["colour"])
        return form, name
    if form == "number":
        return form, str(len(everything) if said["what"] in ("bars", "points") else len(next(iter(table.values()))))
    return form, {
        "sum": str(one + other), "value": str(one), "difference": str(abs(one - other)),
        "single": colours.get("", ""), "colour": colours.get(said.get("a", ""), ""),
        "more": "yes" if one > other else "no", "trend": "rise" if one < other else "fall",
    }[form]  # fmt: skip


def mask_of(drawing: Drawing, colour: str) -> np.ndarray:
    """The pixels of exactly a colour, bool [H, W]."""
    mask: np.ndarray = (drawing.image == np.array(COLOURS[colour], np.uint8)).all(axis=2)
    return mask


def tick_words(drawing: Drawing, chart: ChartData, upright: bool) -> dict[int, float]:
    """The middles of the numbers at the axis of values, by value: rows if it is upright, else columns."""
    found = {}
    for word in drawing.words:
        y0, x0, y1, x1 = word.box
        at_axis = (
            x1 < 24 * drawing.image.shape[0] / 128 and y0 > 14 if upright else y0 > 90 * drawing.image.shape[0] / 128
        )
        if word.text.isdigit() and at_axis and int(word.text) % chart.step == 0:
            found[int(word.text)] = (y0 + y1) / 2 if upright else (x0 + x1) / 2
    return found
