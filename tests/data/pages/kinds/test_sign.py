import re
from collections import Counter

import numpy as np
import pytest
from reading import drawn_pages

from pali3kit.data.world.palette import TILES

RANGES = {
    "Greek": "[α-ωΑ-Ως]+",
    "Cyrillic": "[а-яА-ЯёЁ]+",
    "Hebrew": "[א-ת]+",
    "Arabic": "[ء-ي]+",
    "Latin": "[a-zA-Z]+",
}


def script_of(word):
    (script,) = [script for script, pattern in RANGES.items() if re.fullmatch(pattern, word)]
    return script


def colour_at(drawing, box):
    """The name of the plate's colour: what is not ink in and around a word's box, or the more frequent of both."""
    y0, x0, y1, x1 = box
    pixels = drawing.image[y0 - 2 : y1 + 2, x0 - 2 : x1 + 2].reshape(-1, 1, 3).astype(int)
    close = np.abs(pixels - np.array(list(TILES.values()))).sum(axis=2) < 30  # no mixtures of ink and plate
    counts = dict(zip(TILES, close.sum(axis=0), strict=True))
    coloured = [name for name in TILES if name not in ("black", "white") and counts[name] > 10]
    return max(coloured or ("black", "white"), key=counts.get)


def read(drawing):
    """Word and distance by the colour of the plate, from words and pixels."""
    found = {}
    for position, word in enumerate(drawing.words):
        if word.text.isdigit() or word.text == "km":
            continue
        following = [other.text for other in drawing.words[position + 1 : position + 3]]
        found[colour_at(drawing, word.box)] = (word.text, following[0] if following[1:] == ["km"] else None)
    return found


@pytest.fixture(scope="module")
def pages():
    return drawn_pages("sign", 200)


def test_answers_are_those_of_a_reader(pages):
    for page, drawing in pages:
        seen = read(drawing)
        for question in page.questions:
            text = question.text
            if "how many signs" in text:
                expected = str(len(seen))
            elif match := re.fullmatch(r"which colour is the sign that says (.+)\?", text):
                (expected,) = [colour for colour, (word, _) in seen.items() if word == match[1]]
            else:
                colour = re.search(r"the (\w+) sign", text)[1]
                word, distance = seen[colour]
                expected = distance if "kilometres" in text else script_of(word) if "script" in text else word
            assert question.answer == expected, (page.index, question, seen)


def test_five_scripts_are_about_equally_frequent(pages):
    scripts = Counter(script_of(word) for _, drawing in pages for word, _ in read(drawing).values())
    assert set(scripts) == set(RANGES)
    assert min(scripts.values()) > 0.12 * sum(scripts.values())


def test_captions_repeat_what_is_printed(pages):
    for page, drawing in pages:
        said = re.findall(r"a (\w+) sign that says (\S+?)(?:,|$)", page.captions[0])
        assert said == [(colour, word) for colour, (word, _) in read(drawing).items()]
        colour, script = re.fullmatch(r"a (\w+) sign in (\w+) letters", page.captions[1]).groups()
        assert script_of(read(drawing)[colour][0]) == script
