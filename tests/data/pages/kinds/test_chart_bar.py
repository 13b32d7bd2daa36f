"""What is drawn agrees with the data: bars are measured in the image by their colours, between the words of labels."""

from collections import Counter

import numpy as np
import pytest
from chart_reader import mask_of, tick_words
from reading import drawn_pages, middle

from pali3kit.data.pages.kinds.chart_bar import CHART_BAR


@pytest.fixture(scope="module", params=[128, 256])
def pages(request):
    return drawn_pages("chart_bar", 100, request.param)


def measure(page, drawing):
    """Lengths of the bars in pixels, [labels, series]: of the pixels of their colours in the room of their labels."""
    chart, upright = page.facts.chart, page.facts.form != "lying"
    side = 1 if upright else 0  # the axis along which labels lie
    scale = page.size / 128
    words = {word.text: word for word in drawing.words if middle(word)[0] > 14 * scale}
    centres = [middle(words[label])[side] for label in chart.labels]
    room = (centres[1] - centres[0]) / 2
    inside = np.zeros(drawing.image.shape[:2], bool)
    inside[round(13 * scale) :] = True
    lengths = []
    for number, centre in enumerate(centres):
        strip = inside.copy()
        if upright:
            top, low = (
                14 * scale + 13 * scale * (len(chart.series) > 1 and not chart.look.legend),
                words[chart.labels[0]].box[0],
            )
            strip[: round(top)] = False
            strip[low - 1 :] = False
            strip[:, : round(centre - room)] = strip[:, round(centre + room) :] = False
        else:
            strip[: round(centre - room)] = strip[round(centre + room) :] = False
            strip[:, : words[chart.labels[0]].box[3]] = False
        row = []
        for order in range(len(chart.series)):
            found = mask_of(drawing, chart.colour(order, number)) & strip
            along = np.flatnonzero(found.any(axis=1 if upright else 0))
            row.append(along[-1] - along[0] + 1)
        lengths.append(row)
    return np.array(lengths)


def test_bars_are_as_long_as_their_values(pages):
    forms = Counter()
    for page, drawing in pages:
        chart, forms[page.facts.form] = page.facts.chart, forms[page.facts.form] + 1
        lengths = measure(page, drawing)
        values = np.array([one.values for one in chart.series]).T
        unit = lengths.sum() / values.sum()
        assert np.abs(lengths - unit * values).max() <= 2.2, (page.split, page.index, lengths, values)
        ticks = tick_words(drawing, chart, page.facts.form != "lying")
        assert len(ticks) >= 2
        (low, start), (high, end) = min(ticks.items()), max(ticks.items())
        assert abs(abs(end - start) / (high - low) / unit - 1) < 0.06, (page.index, ticks, unit)
    assert min(forms.values()) > 10 and set(forms) == {"upright", "lying", "stacked"}


def test_printed_values_are_those_of_the_data(pages):
    for page, drawing in pages:
        chart = page.facts.chart
        words = [word.text for word in drawing.words]
        for one in chart.series:
            assert not chart.printed or all(str(value) in words for value in one.values)
            assert not one.name or one.name in words
        assert " ".join(words).startswith(chart.title)
        assert set(chart.labels) <= set(words)
    assert 0.3 < np.mean([page.facts.chart.printed for page, _ in pages]) < 0.8


def test_it_is_registered_under_its_name():
    assert CHART_BAR.name == "chart_bar"
