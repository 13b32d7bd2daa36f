import numpy as np
import pytest

from pali3kit.data.pages.canvas import Canvas
from pali3kit.data.pages.charts import (
    PAPERS,
    along,
    draw_ticks,
    is_dark,
    plot_box,
    sample_chart,
    sample_values,
)
from pali3kit.data.pages.lexicon import Lexicon, owner


def chart_with(values, split="train", seed=0, **options):
    draw = np.random.default_rng(seed).random
    return sample_chart(
        Lexicon(split), draw, values, options.pop("colours", len(values)), max(map(max, values)), **options
    )


@pytest.mark.parametrize("split", ["train", "test"])
def test_values_are_those_of_the_split_and_clearly_different(split):
    draw = np.random.default_rng(0).random
    for count in (3, 5):
        values = sorted(sample_values(Lexicon(split), draw, count, 10, 99))
        assert min(np.diff(values)) >= 99 / 20 and {owner(str(value)) for value in values} == {split}


@pytest.mark.parametrize(
    ("largest", "step", "top"), [(23, 5, 25), (47, 10, 50), (99, 20, 100), (640, 200, 800), (101, 25, 125)]
)
def test_the_axis_has_at_most_five_steps_and_ends_above_the_largest(largest, step, top):
    chart = chart_with([(10, largest)])
    assert (chart.step, chart.top) == (step, top)


def test_values_lie_on_the_axis_in_proportion():
    chart = chart_with([(10, 47)])
    assert [along(chart, value, 100, 0) for value in (0, 25, 50)] == [100, 50, 0]
    assert along(chart, 10, 20, 120) == 40


def test_numbers_stand_at_their_ticks():
    chart, canvas = chart_with([(10, 47)]), Canvas(128)
    box = plot_box(chart, canvas, upright=True)
    draw_ticks(chart, canvas, box, upright=True)
    for word in canvas.words:
        y0, _, y1, x1 = word.box
        assert abs((y0 + y1) / 2 - along(chart, int(word.text), box[2], box[0])) < 2 and x1 <= box[1]
    assert [word.text for word in canvas.words] == ["0", "10", "20", "30", "40", "50"]


def test_colours_are_of_series_of_labels_or_one():
    assert not chart_with([(10, 20, 30)]).by_label
    assert chart_with([(10, 20, 30)], colours=3).by_label
    two = chart_with([(10, 20), (30, 40)])
    assert two.colour(1, 0) == two.colours[1] and two.series[0].name != two.series[1].name


def test_labels_are_years_in_order_months_or_names():
    years = chart_with([(10, 20, 30)], items=("year",)).labels
    assert list(years) == sorted(years) and all(year.isdigit() for year in years)
    assert chart_with([(10, 20, 30)], items=("month",)).labels[0][0].isupper()
    assert all(name.istitle() for name in chart_with([(10, 20, 30)], items=("city",)).labels)


def test_colours_can_be_seen_on_dark_paper():
    for seed in range(40):
        chart = chart_with([(10, 20, 30)], colours=3, seed=seed)
        if is_dark(PAPERS[chart.look.paper]):
            assert not {"purple", "brown"} & set(chart.colours)
