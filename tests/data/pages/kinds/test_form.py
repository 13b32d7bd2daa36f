import re

import numpy as np
import pytest
from reading import darkness, drawn_pages, read_lines, text_of

LABELS = [
    "Name", "Signed", "Clerk", "Company", "City", "Country", "Street", "Date", "Born", "Phone", "Age", "Room", "Code",
    "Number", "Amount", "Fee", "Product",
]  # fmt: skip
TICKS = ("Size", "Member", "Pay by", "Send by", "Contact", "Seat", "Class")


def read(drawing):
    """Title, values by label, and the boxes with whether they are ticked, from words, places and pixels."""
    title, *lines = read_lines(drawing.words)
    values, boxes = {}, {}
    for number, line in enumerate(lines):
        words = [word.text.rstrip(":") for word in line]
        named = [i for i, word in enumerate(words) if word in LABELS]
        if any(text_of(line).startswith(f"{tick} ") for tick in TICKS):
            boxes = {word.text: ticked(drawing, word) for word in line if word.text not in " ".join(TICKS).split()}
        elif named == [0] and len(words) > 1:
            values[words[0].lower()] = text_of(line[1:])
        elif named:  # labels above their values
            below = lines[number + 1]
            starts = [*(line[i].box[1] - 2 for i in named), 1000]
            for i, position in enumerate(named):
                inside = [word for word in below if starts[i] <= word.box[1] < starts[i + 1]]
                values[words[position].lower()] = text_of(inside)
    return text_of(title), values, boxes


def ticked(drawing, word):
    """Whether the middle of the box left of an option is dark."""
    x0, bottom = word.box[1], drawing.words[-1].box[2]
    return darkness(drawing, bottom - 4, x0 - 7) > 40


def answer(question, title, values, boxes):
    if "title" in question or "form is this" in question:
        return title
    if match := re.fullmatch(r"which field says (.+)\?", question):
        return next(label.capitalize() for label, value in values.items() if value == match[1])
    if "which box is ticked" in question or "what is ticked" in question:
        (option,) = [option for option, ticked in boxes.items() if ticked]
        return option
    if match := re.fullmatch(r"is the box (\w+) ticked\?", question):
        return "yes" if boxes[match[1]] else "no"
    label = re.fullmatch(r"what is the (\w+)\?|what is written in the field (\w+)\?|what (\w+) does .+", question)
    return values[next(filter(None, label.groups()))]


@pytest.fixture(scope="module")
def pages():
    return drawn_pages("form", 200)


def test_answers_are_those_of_a_reader(pages):
    for page, drawing in pages:
        seen = read(drawing)
        for question in page.questions:
            assert answer(question.text, *seen) == question.answer, (page.index, question, seen)


def test_every_label_tick_and_title_occurs(pages):
    assert {label.capitalize() for _, drawing in pages for label in read(drawing)[1]} == set(LABELS)
    assert {page.facts.ticks[0] for page, _ in pages if page.facts.ticks} == set(TICKS)
    assert len({read(drawing)[0] for _, drawing in pages}) == 12


def test_ticks_are_balanced(pages):
    answers = [question.answer for page, _ in pages for question in page.questions if question.kind == "yes/no"]
    assert 0.4 < np.mean([answer == "yes" for answer in answers]) < 0.6


def test_captions_repeat_what_is_printed(pages):
    for page, drawing in pages:
        title, values, _ = read(drawing)
        label, value = re.fullmatch(rf"a form with the title {title}, (\w+) (.+)", page.captions[0]).groups()
        assert values[label] == value
        assert page.captions[1].endswith(f"with {len(values)} fields")
