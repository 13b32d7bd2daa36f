import re

import numpy as np
import pytest
from reading import drawn_pages, read_lines, text_of

from pali3kit.data.world import names

SUBTITLES = ("a novel", "a guide", "stories", "letters", "for beginners", "new edition", "poems", "essays")
GENRES = ("cooking", "travel", "animals", "sports", "music", "science", "romance", "gardening")
LOOKS = {
    "cooking": "food|drink|pizza|cake|bread|pot|salad", "travel": "train|ship|island|plane|map|travel|locomotive",
    "animals": "animal|dog|lion|horse|elephant|whale", "sports": "sport|ball|bike|tennis|prize", "music": "music",
    "science": "microscope|telescope|science|space|bulb", "romance": "love|romance|flower|romantic|heart",
    "gardening": "flower|plant|vegetable|fruit|tomato",
}  # fmt: skip


def read(drawing):
    """Title, author, subtitle, printed genre and year, from the printed lines; the title has the largest letters."""
    lines = [line for line in read_lines(drawing.words) if line]
    small, found = [], {"title": [], "author": None}
    for line in lines:
        text = text_of(line)
        if text in SUBTITLES:
            found["subtitle"] = text
        elif text.split()[0].lower() in GENRES or text.isdigit():
            small += text.split()
        else:
            found["title"].append(line)
    tall = {id(line): max(word.box[2] - word.box[0] for word in line) for line in found["title"]}
    author = min(found["title"], key=lambda line: tall[id(line)])
    found["author"] = text_of(author)
    found["title"] = " ".join(text_of(line) for line in found["title"] if line is not author)
    found["genre"] = [word.lower() for word in small if not word.isdigit()]
    found["year"] = [word for word in small if word.isdigit()]
    return found


@pytest.fixture(scope="module")
def pages():
    return drawn_pages("cover", 200)


def test_answers_are_those_of_a_reader(pages):
    for page, drawing in pages:
        seen = read(drawing)
        for question in page.questions:
            text = question.text
            if match := re.fullmatch(r"(?:is this (?:a )?book (?:about|on)|does this book belong to) (\w+)\?", text):
                expected = "yes" if match[1] == page.facts.genre else "no"
            elif match := re.fullmatch(r"did (.+) write this book\?", text):
                expected = "yes" if match[1] == seen["author"] else "no"
            elif "subtitle" in text:
                expected = seen["subtitle"]
            elif "year" in text:
                (expected,) = seen["year"]
            elif "genre" in text or "type" in text:
                expected = page.facts.genre
            else:
                expected = seen["author"] if "wrote" in text or "author" in text else seen["title"]
            assert question.answer == expected, (page.index, question, seen)


def test_the_genre_shows_in_icon_and_print(pages):
    for page, drawing in pages:
        keywords = " ".join(names.english_keywords(page.facts.icon)) + names.subgroup(page.facts.icon)
        assert re.search(LOOKS[page.facts.genre], keywords), (page.facts.icon, page.facts.genre, keywords)
        assert read(drawing)["genre"] in ([], [page.facts.genre])


def test_yes_and_no_are_equally_frequent(pages):
    answers = [question.answer for page, _ in pages for question in page.questions if question.kind == "yes/no"]
    assert len(answers) == 2 * len(pages)
    assert 0.44 < np.mean([answer == "yes" for answer in answers]) < 0.56


def test_captions_repeat_what_is_printed(pages):
    for page, drawing in pages:
        seen = read(drawing)
        assert page.captions[0] == f"the cover of the book {seen['title']} by {seen['author']}"
        assert page.facts.genre in page.captions[1]
