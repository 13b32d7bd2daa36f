"""Arrows, layers and rings are found in the image, from the words of their labels."""

import numpy as np
import pytest
from reading import drawn_pages, middle

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.charts import COLOURS
from pali3kit.data.pages.kinds import diagram
from pali3kit.data.pages.kinds.diagram import DIAGRAM


@pytest.fixture(scope="module", params=[128, 256])
def pages(request):
    return drawn_pages("diagram", 80, request.param)


def labels_of(page, drawing):
    """The words of the labels, which are printed last and in the order of the parts."""
    words = drawing.words[-len(page.facts.labels) :]
    assert tuple(word.text for word in words) == page.facts.labels
    return words


def of_colour(drawing, y, x, name):
    return np.abs(drawing.image[round(y), round(x)].astype(int) - COLOURS[name]).max() < 12


def test_layers_have_their_colours_beside_their_labels(pages):
    seen = 0
    for page, drawing in pages:
        if page.facts.form == "layers":
            rows = [middle(word)[0] for word in labels_of(page, drawing)]
            assert rows == sorted(rows)
            for row, colour in zip(rows, page.facts.colours, strict=True):
                assert of_colour(drawing, row, page.size / 2, colour)
            seen += 1
    assert seen > 10


def test_rings_follow_from_the_outside(pages):
    seen = 0
    for page, drawing in pages:
        if page.facts.form == "rings":
            column = drawing.image[
                : round(70 * page.size / 128), round((78 if page.facts.layout[2] else 50) * page.size / 128)
            ]
            names = [name for pixel in column for name, rgb in COLOURS.items() if tuple(pixel) == rgb]
            assert tuple(dict.fromkeys(names)) == page.facts.colours
            seen += 1
    assert seen > 10


def test_leaders_point_at_their_parts(pages, monkeypatch):
    points = []
    monkeypatch.setattr(
        diagram, "_draw_leader", lambda facts, canvas, number, point, row: points.append((number, point))
    )
    for page, _ in pages:
        points.clear()
        canvas = Canvas(page.size)
        DIAGRAM.draw(page.facts, canvas)
        for number, point in points:
            assert of_colour(canvas.drawing(), *point, page.facts.colours[number]), (page.split, page.index, number)
        assert len(points) == (len(page.facts.labels) if page.facts.form in ("layers", "rings") else 0)


def test_arrows_are_drawn_between_their_parts_and_heavier_at_the_end(pages):
    arrows = 0
    for page, drawing in pages:
        boxes = diagram.part_boxes(page.facts, Canvas(page.size))
        dark = (drawing.image < 60).all(axis=2)
        for y0, x0, y1, x1 in boxes:
            dark[y0:y1, x0:x1] = False
        near = round(3 * page.size / 128)
        for start, end in page.facts.arrows:
            ends = [((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in (boxes[start], boxes[end])]
            counts = []
            for part in np.linspace(0, 1, 41):
                y, x = (round(a + (b - a) * part) for a, b in zip(*ends, strict=True))
                counts.append(int(dark[max(0, y - near) : y + near + 1, max(0, x - near) : x + near + 1].sum()))
            inked = [count for count in counts if count]
            assert len(inked) >= 4, (page.split, page.index)
            half = len(inked) // 2
            arrows += sum(inked[half:]) > sum(inked[:half])
    total = sum(len(page.facts.arrows) for page, _ in pages)
    assert arrows > 0.8 * total  # other arrows may begin beside the start


def test_labels_lie_in_their_parts(pages):
    for page, drawing in pages:
        if page.facts.form in ("cycle", "web"):
            for word, (y0, x0, y1, x1) in zip(
                labels_of(page, drawing), diagram.part_boxes(page.facts, Canvas(page.size)), strict=True
            ):
                y, x = middle(word)
                assert y0 <= y <= y1 and x0 <= x <= x1
