"""The outlined widget is found by the red of its outline, and its words are those inside."""

from collections import Counter

import numpy as np
import pytest
from reading import drawn_pages, middle

from pali3kit.data.pages.kinds.widget import WIDGET
from pali3kit.data.world import vocabulary


@pytest.fixture(scope="module", params=[128, 256])
def pages(request):
    return drawn_pages("widget", 150, request.param)


def outline_of(drawing):
    """The box of the pure red pixels, which make a complete outline."""
    red = (drawing.image == np.array([255, 0, 0], np.uint8)).all(axis=2)
    rows, columns = np.flatnonzero(red.any(axis=1)), np.flatnonzero(red.any(axis=0))
    y0, x0, y1, x1 = rows[0], columns[0], rows[-1] + 1, columns[-1] + 1
    assert red[y0, x0:x1].all() and red[y1 - 1, x0:x1].all() and red[y0:y1, x0].all() and red[y0:y1, x1 - 1].all()
    return y0, x0, y1, x1


def test_captions_repeat_the_words_inside_the_outline(pages):
    kinds = Counter()
    for page, drawing in pages:
        y0, x0, y1, x1 = outline_of(drawing)
        inside = [word.text for word in drawing.words if y0 <= middle(word)[0] < y1 and x0 <= middle(word)[1] < x1]
        widget = page.facts.widgets[page.facts.marked]
        if widget.kind == "dialog":
            inside, buttons = inside[:2], inside[2:]
            assert len(buttons) == 2
        text = " ".join(inside).lower().rstrip("?")
        assert len(set(page.captions)) >= 2 and len(page.captions) == 3
        if widget.kind == "image":
            assert not inside and all(vocabulary.noun(widget.icon) in caption for caption in page.captions)
        else:
            assert all(text in caption for caption in page.captions), (page.split, page.index, inside, page.captions)
        kinds[widget.kind] += 1
    assert len(kinds) > 14 and kinds.most_common(1)[0][1] < 0.2 * len(pages)


def test_captions_of_switches_say_what_a_tap_does(pages):
    for page, _ in pages:
        widget = page.facts.widgets[page.facts.marked]
        if widget.kind == "switch":
            assert page.captions[0] == f"turn {'off' if widget.on else 'on'} {widget.text.lower()}"


def test_nothing_is_asked_but_for_a_caption(pages):
    assert not any(page.questions for page, _ in pages)
    assert WIDGET.name == "widget"
