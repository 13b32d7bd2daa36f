from __future__ import annotations

import pytest

from pali3kit.data.world import names
from pali3kit.data.world.words import SYLLABLES, words
from pali3kit.errors import DataError


def test_train_and_test_words_are_disjoint():
    assert not set(words("train")) & set(words("test"))
    assert len(words("train")) > 1000 and len(words("test")) > 200


@pytest.mark.parametrize("split", ["train", "test"])
def test_each_syllable_occurs_in_both_places(split):
    assert {word[:2] for word in words(split)} == set(SYLLABLES)
    assert {word[2:] for word in words(split)} == set(SYLLABLES)


def test_no_word_is_a_name_in_any_language():
    given = {name.lower() for language in names.LANGUAGES for name in names.names(language)}
    assert not given & {*words("train"), *words("test")}


def test_unknown_split():
    with pytest.raises(DataError, match=r"no split 'tests'.*Did you mean 'test'"):
        words("tests")
