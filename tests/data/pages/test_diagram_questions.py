import re
from collections import Counter

import pytest

from pali3kit.data.pages.diagram_questions import describe_diagram
from pali3kit.data.pages.pages import Pages
from pali3kit.data.world import vocabulary


@pytest.fixture(scope="module")
def pages():
    pages = Pages(["diagram"])
    return [pages.page(split, "diagram", index) for split in ("train", "test") for index in range(300)]


def fitting(question, facts):
    """All right answers to a question: labels, or a number."""
    labels = facts.labels
    pairs = [(labels[start], labels[end]) for start, end in facts.arrows]
    if re.match(r"how many (arrows|\w+) are shown", question):
        return {str(len(pairs) if "arrows" in question else len(labels))}
    name = next((word for word in re.findall(r"\w+", question) if word in labels), None)
    place = labels.index(name) if name else 0
    if "is eaten by nothing" in question:
        return set(labels) - {food for food, _ in pairs}
    if "starves" in question:
        foods = {eater: {food for food, one in pairs if one == eater} for _, eater in pairs}
        return {eater for eater, food in foods.items() if food == {name}}
    for words, found in [
        ("follows", {end for start, end in pairs if start == name}),
        ("what eats", {end for start, end in pairs if start == name}),
        ("comes before", {start for start, end in pairs if end == name}),
        ("eat?", {start for start, end in pairs if end == name}),
        ("at the top", {labels[0]}), ("outermost", {labels[0]}), ("at the bottom", {labels[-1]}),
        ("innermost", {labels[-1]}), ("directly below", {labels[min(place + 1, len(labels) - 1)]}),
        ("directly inside", {labels[min(place + 1, len(labels) - 1)]}), ("directly above", {labels[place - 1]}),
        ("directly around", {labels[place - 1]}),
    ]:  # fmt: skip
        if words in question:
            return found
    if shown := re.fullmatch(r"which label is below the (.+)\?", question):
        return {label for label, one in zip(labels, facts.icons, strict=True) if vocabulary.noun(one) == shown[1]}
    colour = re.fullmatch(r"which \w+ is (\w+)\?", question)[1]
    return {label for label, one in zip(labels, facts.colours, strict=True) if one == colour}


def split_options(text):
    question, _, listed = text.partition(" (a) ")
    return question, re.split(r" \([b-z]\) ", listed)


def test_exactly_one_option_is_right(pages):
    asked = Counter()
    for page in pages:
        for each in page.questions:
            question, options = split_options(each.text)
            right = fitting(question, page.facts)
            assert [option for option in options if option in right] == [each.answer], (page.index, each, right)
            assert 3 <= len(options) <= 4 and len(set(options)) == len(options) and each.kind == "choice"
            asked[re.sub(r"\b[A-Z]\w*", "X", question)] += 1
    assert len(asked) > 25 and asked.total() > 2000


def test_no_place_among_the_options_is_more_often_right(pages):
    for count in (3, 4):
        places = Counter()
        for page in pages:
            for each in page.questions:
                options = split_options(each.text)[1]
                if len(options) == count:
                    places[options.index(each.answer)] += 1
        assert len(places) == count and places.total() > 150
        assert max(places.values()) / places.total() < 1 / count + 0.06


def test_the_right_number_is_not_always_the_same_in_size(pages):
    """A guesser who always takes the second smallest of the numbers is no better than another."""
    ranks = Counter()
    for page in pages:
        for each in page.questions:
            if each.text.startswith("how many"):
                ranks[sorted(map(int, split_options(each.text)[1])).index(int(each.answer))] += 1
    assert max(ranks.values()) < 0.36 * ranks.total()


def test_captions_list_the_parts(pages):
    for page in pages[::30]:
        caption = describe_diagram(page.facts, None)[0]
        assert all(re.search(rf"\b{label}\b", caption) for label in page.facts.labels)
