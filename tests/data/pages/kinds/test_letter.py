import re

import pytest
from reading import drawn_pages, number_in, text_of

BODY = re.compile(
    r"(?:we have sent|please send|the|I can sell) (?P<count>\d+) (?P<things>\w+) (?:to|from|in) (?P<place>\w+)"
    r"(?:\.| have arrived\.) (?:The price is|We pay|They cost|I ask) (?P<price>[$€£]\d+\.\d\d)(?: for them)?\."
)
WHOLE = re.compile(
    r"(?:(?P<company>\w+ (?:Ltd|Inc|AG)) )?(?P<date>.+) (?:Dear|Hello|To) (?P<receiver>\w+), (?P<body>.+) "
    r"(?:Yours|Regards|Thanks), (?P<sender>\w+ \w+)"
)


def read(drawing):
    """All that the letter says, from its words in reading order."""
    whole = WHOLE.fullmatch(text_of(list(drawing.words))).groupdict()
    return {**whole, **BODY.fullmatch(whole["body"]).groupdict()}


@pytest.fixture(scope="module")
def pages():
    return drawn_pages("letter", 200)


def test_answers_are_those_of_a_reader(pages):
    asks = {
        "who wrote this letter?": "sender", "who signed the letter?": "sender", "to whom is the letter?": "receiver",
        "who is the receiver of the letter?": "receiver", "what is the date of the letter?": "date",
        "when was the letter written?": "date", "what is the price?": "price",
        "which amount is in the letter?": "price",
        "which place does the letter mention?": "place", "what is the letter about?": "things",
        "which company is at the top?": "company", "what is the letterhead?": "company",
    }  # fmt: skip
    asked = set()
    for page, drawing in pages:
        seen = read(drawing)
        for question in page.questions:
            many = re.fullmatch(r"how many (\w+) does the letter mention\?", question.text)
            assert not many or many[1] == seen["things"]
            what = "count" if many else asks[question.text]
            assert question.answer == seen[what], (page.index, question, seen)
            asked.add(question.text)
    assert set(asks) <= asked


def test_the_amount_is_accepted_without_its_sign(pages):
    prices = [question for page, _ in pages for question in page.questions if question.answer[0] in "$€£"]
    assert len(prices) == len(pages)
    for question in prices:
        assert [number_in(answer) for answer in question.answers] == [number_in(question.answer)] * 2


def test_captions_repeat_what_is_printed(pages):
    for page, drawing in pages:
        seen = read(drawing)
        said = f"a letter from {seen['sender']} to {seen['receiver']} about {seen['count']} {seen['things']}"
        assert page.captions[0] == said
        assert seen["date"] in page.captions[1] or seen["sender"] in page.captions[1]
