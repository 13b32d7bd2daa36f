from collections import Counter

import pytest
from chart_reader import colours_of, read_chart, table_of

from pali3kit.data.pages.chart_questions import describe_chart
from pali3kit.data.pages.pages import Pages


def pages_of(kind):
    pages = Pages([kind])
    return [pages.page(split, kind, index) for split in ("train", "test") for index in range(250)]


def chart_of(page):
    return getattr(page.facts, "chart", page.facts)


@pytest.fixture(scope="module", params=["chart_bar", "chart_line"])
def pages(request):
    return pages_of(request.param)


def test_answers_are_those_of_a_reader(pages):
    forms = Counter()
    for page in pages:
        chart = chart_of(page)
        for question in page.questions:
            form, answer = read_chart(question.text, table_of(chart), colours_of(chart))
            assert answer == question.answer, (page.split, page.index, question)
            assert question.kind == ("augmented" if form in ("value", "label") else "human")
            forms[form] += 1
    assert len(forms) == 11 + (pages[0].kind == "chart_line")
    assert min(forms.values()) > 20, forms


def test_each_chart_has_both_groups(pages):
    for page in pages:
        assert [question.kind for question in page.questions] == ["augmented"] * 2 + ["human"] * 3


def test_no_answer_is_a_safe_guess(pages):
    for group, most in (("augmented", 0.06), ("human", 0.12)):
        answers = Counter(q.answer for page in pages for q in page.questions if q.kind == group)
        assert answers.most_common(1)[0][1] < most * answers.total()
    verdicts = Counter(q.answer for page in pages for q in page.questions if q.text.startswith("are there more"))
    assert 0.38 < verdicts["yes"] / verdicts.total() < 0.62
    trends = Counter(q.answer for page in pages for q in page.questions if "rise or fall" in q.text)
    assert not trends or 0.35 < trends["rise"] / trends.total() < 0.65


def test_splits_share_neither_names_nor_numbers(pages):
    said = {"train": set(), "test": set()}
    for page in pages:
        chart = chart_of(page)
        names = {
            name for name in [*chart.labels, *(one.name for one in chart.series)] if name and chart.item != "month"
        }
        said[page.split] |= names | {str(value) for one in chart.series for value in one.values}
        looks = chart.look
        said[page.split].add((looks.paper, looks.grid, looks.legend, looks.bold, looks.title, looks.width))
    assert not said["train"] & said["test"]
    assert len(said["test"]) > 150


def test_captions_name_the_highest(pages):
    for page in pages[::20]:
        chart = chart_of(page)
        caption = describe_chart(chart, "chart")[-1]
        first = chart.series[0]
        assert chart.labels[first.values.index(max(first.values))] in caption.split()
        assert f'"{chart.title}"' in page.captions[1]
