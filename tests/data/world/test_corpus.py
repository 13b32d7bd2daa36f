import re
from itertools import pairwise

import numpy as np
import pytest

from pali3kit.data.world import corpus, names
from pali3kit.data.world.words import invented_words


@pytest.fixture(scope="module")
def texts():
    return list(corpus.sentences(0, limit=8000))


def test_finite_repeatable_and_seeded(texts):
    assert len(texts) == 8000
    assert list(corpus.sentences(0, limit=50)) == texts[:50]
    assert list(corpus.sentences(1, limit=50)) != texts[:50]


def test_lines_are_not_empty_and_varied(texts):
    assert all(text and "\n" not in text and text == text.strip() for text in texts)
    assert len(set(texts)) > 0.85 * len(texts)


def test_no_printed_word_of_the_test_split(texts):
    seen = {f"{one} {two}" for text in texts for one, two in pairwise(re.findall(r"\w+", text))}
    assert not seen & set(invented_words("test"))
    assert len(seen & set(invented_words("train"))) > 0.7 * len(invented_words("train"))


def test_every_language_and_every_prompt_occurs(texts):
    text = "\n".join(texts)
    for language in names.LANGUAGES:
        assert f"Generate the alt_text in {language.upper()} at 0: " in text
    for prompt in ("Answer in EN: ", "Generate the ocr_text in EN: ", "Generate a question in EN for ", "detect: "):
        assert prompt in text
    numbers = {int(number) for number in re.findall(r"\b\d+\b", text)}
    assert set(range(32)) <= numbers


def test_objects_restrict_the_described_scenes():
    draw = np.random.default_rng(0).random
    seen = {thing.emoji for _ in range(50) for thing in corpus._imagine(("🐢", "🍐"), draw).things}
    assert seen == {"🐢", "🍐"}
