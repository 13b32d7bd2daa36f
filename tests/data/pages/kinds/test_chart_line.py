"""Points are found in the image by their colours, above the words of their labels."""

import numpy as np
import pytest
from chart_reader import mask_of, tick_words
from reading import drawn_pages, middle

from pali3kit.data.pages.kinds.chart_line import CHART_LINE


@pytest.fixture(scope="module", params=[128, 256])
def pages(request):
    return drawn_pages("chart_line", 80, request.param)


def test_points_are_as_high_as_their_values(pages):
    checked = 0
    for page, drawing in pages:
        chart = page.facts
        ticks = tick_words(drawing, chart, upright=True)
        (low, bottom), (high, top) = min(ticks.items()), max(ticks.items())
        words = {word.text: word for word in drawing.words if middle(word)[0] > 90 * page.size / 128}
        masks = {name: mask_of(drawing, name) for name in chart.colours}
        near = round(3 * page.size / 128)
        for series, colour in zip(chart.series, chart.colours, strict=True):
            for label, value in zip(chart.labels, series.values, strict=True):
                x = round(middle(words[label])[1])
                y = bottom + (top - bottom) * (value - low) / (high - low)
                spot = slice(max(0, round(y) - near), round(y) + near + 1), slice(x - near, x + near + 1)
                others = any(masks[name][spot].sum() > 3 for name in chart.colours if name != colour)
                assert masks[colour][spot].sum() >= 3 or others, (page.split, page.index, label, value)
                if len(chart.series) == 1:
                    column = np.flatnonzero(masks[colour][: round(104 * page.size / 128), spot[1]].any(axis=1))
                    assert column.min() - near <= y <= column.max() + near
                checked += 1
    assert checked > 500


def test_words_are_those_of_the_data(pages):
    for page, drawing in pages:
        chart, words = page.facts, [word.text for word in drawing.words]
        assert set(chart.labels) | {one.name for one in chart.series if one.name} <= set(words)
        assert not chart.printed or {str(value) for value in chart.series[0].values} <= set(words)
    assert CHART_LINE.name == "chart_line"
