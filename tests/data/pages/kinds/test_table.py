import re

import numpy as np
import pytest
from reading import drawn_pages, middle, read_lines, text_of


def read(drawing):
    """The title, the column heads, and the numbers by row and column, from the printed lines."""
    title, heads, *rows = read_lines(drawing.words)
    centres = {head.text.lower(): middle(head)[1] for head in heads}
    cells = {}
    for name, *numbers in rows:
        for number in numbers:
            column = min(centres, key=lambda head: abs(centres[head] - middle(number)[1]))
            cells[name.text, column] = int(number.text)
    return text_of(title), list(centres), [row[0].text for row in rows], cells


def answer(question, title, rows, cells):
    def column(name):
        return {row: cells[row, name] for row in rows}

    if "title" in question or "table about" in question:
        return title
    if "how many rows" in question:
        return str(len(rows))
    if match := re.fullmatch(r"is the (\w+) of (\w+) higher than that of (\w+)\?", question):
        return "yes" if cells[match[2], match[1]] > cells[match[3], match[1]] else "no"
    if match := re.fullmatch(r"which row has the (highest|largest|lowest|smallest) (\w+)\?", question):
        chosen = max if match[1] in ("highest", "largest") else min
        return chosen(column(match[2]), key=column(match[2]).get)
    if match := re.fullmatch(r"(?:which row|who or what) has (\d+) under (\w+)\?", question):
        (name,) = [row for row, number in column(match[2]).items() if number == int(match[1])]
        return name
    match = re.fullmatch(r"what is the (\w+) of (\w+)\?", question)
    if match:
        return str(cells[match[2], match[1]])
    match = re.fullmatch(r"what number does (\w+) have under (\w+)\?", question)
    return str(cells[match[1], match[2]])


@pytest.fixture(scope="module")
def pages():
    return drawn_pages("table", 200)


def test_answers_are_those_of_a_reader(pages):
    for page, drawing in pages:
        title, _, rows, cells = read(drawing)
        for question in page.questions:
            assert answer(question.text, title, rows, cells) == question.answer, (page.index, question)


def test_all_cells_are_drawn(pages):
    for page, drawing in pages:
        _, heads, rows, cells = read(drawing)
        assert len(cells) == len(rows) * len(heads) and len(rows) >= 3 and len(heads) >= 2
        assert [len(set(column)) for column in zip(*page.facts.cells, strict=True)] == [len(rows)] * len(heads)


def test_comparisons_are_balanced(pages):
    answers = [question.answer for page, _ in pages for question in page.questions if question.kind == "yes/no"]
    assert 0.4 < np.mean([answer == "yes" for answer in answers]) < 0.6


def test_captions_are_true(pages):
    for page, drawing in pages:
        title, heads, rows, cells = read(drawing)
        assert page.captions[0].startswith(f"a table with the title {title}, {len(rows)} rows and {len(heads)} columns")
        name, number, head = re.fullmatch(r"a table in which (\w+) has (\d+) under (\w+)", page.captions[1]).groups()
        assert cells[name, head] == int(number)
