"""Slices are measured by the pixels of their colours."""

import re
from collections import Counter

import numpy as np
import pytest
from chart_reader import mask_of
from reading import drawn_pages

from pali3kit.data.pages.kinds.chart_pie import CHART_PIE
from pali3kit.data.pages.pages import Pages


@pytest.fixture(scope="module")
def pages():
    pages = Pages(["chart_pie"])
    return [pages.page(split, "chart_pie", index) for split in ("train", "test") for index in range(250)]


def read_pie(text, values, colours):
    """The answer to a question from the values and colours of the slices by name."""
    order = sorted(values, key=values.__getitem__)
    names = [name for name in re.findall(r"\b[A-Z]\w+", text) if name in values]
    first = values[names[0]] if names else 0
    number = re.search(r" (\d+) ", text)
    if text.startswith("how many slices are shown"):
        return str(len(values))
    if text.startswith("how many slices"):
        return str(sum(value > first if "larger" in text else value < first for value in values.values()))
    if text.startswith("what colour"):
        return colours[names[0]]
    if text.startswith("what does the"):
        return next(name for name in values if f" {colours[name]} " in text)
    if text.startswith("is "):
        return "yes" if first > values[names[1]] else "no"
    if "difference" in text:
        return str(abs(first - values[names[1]]))
    if "together" in text:
        return str(first + values[names[1]])
    if "share" in text:
        return order[-1 if "largest" in text else 0]
    return next(name for name in values if values[name] == int(number[1])) if number else str(first)


def test_answers_are_those_of_a_reader(pages):
    for page in pages:
        facts = page.facts
        values = dict(zip(facts.names, facts.values, strict=True))
        colours = dict(zip(facts.names, facts.colours, strict=True))
        for question in page.questions:
            assert read_pie(question.text, values, colours) == question.answer, (page.split, page.index, question)
        assert [question.kind for question in page.questions] == ["augmented"] * 2 + ["human"] * 3


def test_slices_have_the_shares_of_their_values():
    for page, drawing in drawn_pages("chart_pie", 40):
        facts = page.facts
        left, right = (32, 128) if facts.layout[2] else (0, 92)
        pixels = np.array([mask_of(drawing, colour)[16:, left:right].sum() for colour in facts.colours], float)
        shares = np.array(facts.values) / sum(facts.values)
        assert np.abs(pixels / pixels.sum() - shares).max() < 0.035, (page.split, page.index)
        words = [word.text for word in drawing.words]
        assert {*facts.names, *map(str, facts.values)} <= set(words)


def test_no_answer_is_a_safe_guess(pages):
    for group, most in (("augmented", 0.06), ("human", 0.13)):
        answers = Counter(q.answer for page in pages for q in page.questions if q.kind == group)
        assert answers.most_common(1)[0][1] < most * answers.total()
    verdicts = Counter(q.answer for page in pages for q in page.questions if q.text.startswith("is "))
    assert 0.35 < verdicts["yes"] / verdicts.total() < 0.65


def test_splits_share_neither_names_nor_numbers_nor_layouts(pages):
    said = {"train": set(), "test": set()}
    for page in pages:
        said[page.split] |= {*page.facts.names, *page.facts.values, page.facts.layout}
    assert not said["train"] & said["test"]
    assert CHART_PIE.name == "chart_pie"
