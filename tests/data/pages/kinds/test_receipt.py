import re

import pytest
from reading import drawn_pages, number_in, read_lines, text_of

from pali3kit.data.pages.kinds.receipt import RECEIPT

TOTALS = ("Total", "TOTAL", "Sum", "To pay")


def read(drawing):
    """Shop, date, number, items, tax and total, from the printed lines."""
    lines = [text_of(line) for line in read_lines(drawing.words)]
    found = {"shop": lines[0], "items": []}
    for line in lines[1:]:
        if priced := re.fullmatch(r"(.+) ([$€£]?\d+\.\d\d)", line):
            label, price = priced.groups()
            if label in TOTALS:
                found["total"] = price
            elif label == "Tax":
                found["tax"] = price
            else:
                found["items"].append((label, price))
        elif numbered := re.fullmatch(r"No\. (\d+)", line):
            found["number"] = numbered[1]
        else:
            found["date"] = line
    return found


def answer(question, read):
    """The answer of somebody who has read the receipt, None for an unknown question."""
    prices = dict(read["items"])
    order = sorted(prices, key=lambda name: number_in(prices[name]))
    if match := re.fullmatch(r"which item costs (.+)\?", question):
        return [name for name, price in read["items"] if price == match[1]]
    if match := re.fullmatch(r"what does (.+) cost\?|what is the price of (.+)\?|how much is (\w+)\?", question):
        return [prices[next(filter(None, match.groups()))]]
    for words, said in [
        ("total|to pay", read["total"]), ("tax", read.get("tax")), ("shop", read["shop"]),
        ("number of", read.get("number")),
        ("date|bought\\?$", read["date"] if "items" not in question else str(len(prices))),
        ("expensive|most", order[-1]), ("cheapest|least", order[0]),
    ]:  # fmt: skip
        if re.search(words, question):
            return [said]
    return None


@pytest.fixture(scope="module")
def pages():
    return drawn_pages("receipt", 200)


def test_answers_are_those_of_a_reader(pages):
    asked = set()
    for page, drawing in pages:
        seen = read(drawing)
        for question in page.questions:
            assert answer(question.text, seen) == [question.answer], (page.index, question, seen)
            asked.add(question.text.split()[0] + question.kind)
    assert len(asked) >= 6


def test_totals_are_the_sums_of_the_items(pages):
    for _, drawing in pages:
        seen = read(drawing)
        assert number_in(seen["total"]) == sum(number_in(price) for _, price in seen["items"])


def test_some_have_a_tax_and_a_number(pages):
    seen = [read(drawing) for _, drawing in pages]
    assert 0.2 < sum("tax" in each for each in seen) / len(seen) < 0.8
    assert sum("number" in each for each in seen) > 20
    assert RECEIPT.name == "receipt"


def test_captions_repeat_what_is_printed(pages):
    for page, drawing in pages:
        seen = read(drawing)
        assert page.captions[0] == f"a receipt from {seen['shop']} over {seen['total']}"
        assert seen["date"] in page.captions[1] and f"{len(seen['items'])} items" in page.captions[1]
