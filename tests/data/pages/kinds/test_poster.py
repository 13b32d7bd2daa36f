import re

import numpy as np
import pytest
from reading import drawn_pages, middle, number_in, read_lines, text_of

PRINTED = r"\d+%|\d+"


def read(drawing):
    """The heading, and printed numbers by name: on the same line, or below the name in a tile."""
    heading, *lines = read_lines(drawing.words)
    words = [word for line in lines for word in line]
    numbers = [word for word in words if re.fullmatch(PRINTED, word.text)]
    units = [word for word in words if word.text in ("km", "kg", "h")]
    listed = [word for word in words if word not in numbers and word not in units]
    found = {}
    for name in listed:
        y, x = middle(name)
        number = min(numbers, key=lambda word: abs(middle(word)[0] - y) * 2 + abs(middle(word)[1] - x))
        level = [unit for unit in units if abs(middle(unit)[0] - middle(number)[0]) < 5 and unit.box[1] > number.box[1]]
        unit = min(level, key=lambda word: word.box[1]).text if level else ""
        found[name.text] = f"{number.text} {unit}".strip()
    return text_of(heading), found


def answer(question, heading, printed, icons):
    order = sorted(printed, key=lambda name: -number_in(printed[name]))
    if "heading" in question or "poster about" in question:
        return heading
    if "how many numbers" in question:
        return str(len(order))
    if match := re.fullmatch(r"is (\w+) higher than (\w+)\?", question):
        return "yes" if order.index(match[1]) < order.index(match[2]) else "no"
    if match := re.fullmatch(r"which .*?(second highest|highest|largest|lowest|smallest).*\?", question):
        return order[{"second highest": 1, "highest": 0, "largest": 0}.get(match[1], -1)]
    if match := re.fullmatch(r"who or what has (.+)\?", question):
        (name,) = [name for name, number in printed.items() if number == match[1]]
        return name
    if match := re.fullmatch(r"which name stands with the (.+)\?", question):
        return icons[match[1]]
    if match := re.fullmatch(r"what number stands beside the (.+)\?", question):
        return printed[icons[match[1]]]
    match = re.fullmatch(r"what number does (\w+) have\?|how much is (\w+)\?", question)
    return printed[match[1] or match[2]]


@pytest.fixture(scope="module")
def pages():
    return drawn_pages("poster", 200)


def test_answers_are_those_of_a_reader(pages):
    for page, drawing in pages:
        heading, printed = read(drawing)
        icons = {fact.noun: fact.name for fact in page.facts.facts}
        assert len(icons) == len(printed) == len(set(printed.values()))
        for question in page.questions:
            assert answer(question.text, heading, printed, icons) == question.answer, (page.index, question, printed)


def test_comparisons_are_balanced(pages):
    answers = [question.answer for page, _ in pages for question in page.questions if question.kind == "yes/no"]
    assert 0.4 < np.mean([answer == "yes" for answer in answers]) < 0.6


def test_icons_are_drawn(pages):
    """Without the words, something colourful remains for each number."""
    for _, drawing in pages[:60]:
        colours = drawing.image.astype(int).max(axis=2) - drawing.image.astype(int).min(axis=2)
        assert (colours > 90).sum() > 200


def test_captions_repeat_what_is_printed(pages):
    for page, drawing in pages:
        heading, printed = read(drawing)
        number, name = re.fullmatch(rf"a poster, {re.escape(heading)}, with (.+) for (\w+)", page.captions[0]).groups()
        assert printed[name] == number
        assert f"with {len(printed)} numbers" in page.captions[1]
