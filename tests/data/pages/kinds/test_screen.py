"""Titles, states and prices are read from the printed words and the pixels beside them."""

import re
from collections import Counter

import numpy as np
import pytest
from reading import drawn_pages, middle, text_of

from pali3kit.data.pages.kinds.screen import SCREEN
from pali3kit.data.pages.screens import ACCENTS
from pali3kit.data.world import vocabulary


@pytest.fixture(scope="module")
def pages():
    return drawn_pages("screen", 300)


def accented(page, drawing, rows, columns):
    """How many pixels of an area have the colour of the title bar."""
    area = drawing.image[slice(*rows), slice(*columns)]
    return int((area == np.array(ACCENTS[page.facts.accent], np.uint8)).all(axis=2).sum())


def states(page, drawing):
    """Whether each named row is on: the pixels of its switch or box."""
    found = {}
    for word in drawing.words:
        y0, x0, y1, _ = word.box
        if 26 < y0 < 112:
            columns = (x0 - 16, x0 - 1) if page.facts.form == "tasks" else (84, 128)
            found[word.text] = accented(page, drawing, (y0 - 2, y1 + 2), columns) > 12
    return found


def read_screen(question, page, drawing):
    """The answer of somebody who looks at the screen; sprites are known from the facts."""
    title = [word for word in drawing.words if 10 <= middle(word)[0] < 24]
    content = [word for word in drawing.words if 26 < middle(word)[0] < 114]
    if "title" in question:
        return text_of(title)
    if "price" in question:
        return next(word.text for word in content if re.fullmatch(r"[$€£]\d+\.\d\d", word.text))
    if "dialog" in question:
        line = next(middle(word)[0] for word in content if word.text.endswith("?"))
        return text_of([word for word in content if abs(middle(word)[0] - line) < 4])
    if "tab" in question:
        tabs = [word for word in drawing.words if middle(word)[0] > 114]
        return max(tabs, key=lambda word: accented(page, drawing, (114, 117), (word.box[1], word.box[3]))).text
    if named := re.fullmatch(r"is (\w+) (?:on|ticked)\?", question):
        return "yes" if states(page, drawing)[named[1]] else "no"
    if question.startswith("how many"):
        names = [row.text for row in page.facts.of_kind("switch", "check")]
        return str(sum(states(page, drawing)[name] for name in names))
    noun = re.fullmatch(r"which name is beside the (.+)\?", question)[1]
    (row,) = (one for one in page.facts.of_kind("row") if vocabulary.noun(one.icon) == noun)
    y0, _, y1, _ = row.box
    return next(word.text for word in content if y0 <= middle(word)[0] <= y1)


def test_answers_are_those_of_a_reader(pages):
    asked = Counter()
    for page, drawing in pages:
        for question in page.questions:
            assert read_screen(question.text, page, drawing) == question.answer, (page.split, page.index, question)
            asked[question.text.split()[0], question.kind] += 1
    assert asked["is", "yes/no"] > 40 and len(asked) >= 5


def test_yes_and_no_are_equally_likely(pages):
    answers = Counter(q.answer for page, _ in pages for q in page.questions if q.kind == "yes/no")
    assert 0.35 < answers["yes"] / answers.total() < 0.65


def test_summaries_repeat_what_is_printed(pages):
    """Five of each screen; names in them are among its words."""
    for page, drawing in pages:
        printed = {word.text.lower().rstrip("?") for word in drawing.words}
        assert len(page.captions) == 5 == len(set(page.captions))
        assert f"of the {page.facts.app.lower()} app" in page.captions[0] and page.facts.app.lower() in printed
        assert all(caption == " ".join(caption.split()) for caption in page.captions)
        for text in re.findall(r"for (\w+(?:, \w+)*) and (\w+)", page.captions[3]):
            if page.facts.form in ("settings", "login"):
                assert {*text[0].split(", "), text[1]} <= printed
    assert len({page.captions[3] for page, _ in pages}) > 220


def test_splits_share_no_names(pages):
    said = {"train": set(), "test": set()}
    for page, _ in pages:
        said[page.split] |= {
            page.facts.app,
            *(one.text for one in page.facts.of_kind("switch", "row", "check", "price")),
        }
    assert not said["train"] & said["test"] and len(said["test"]) > 150
    assert SCREEN.name == "screen"
