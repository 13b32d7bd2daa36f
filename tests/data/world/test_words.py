from __future__ import annotations

import pytest

from pali3kit.data.world import names
from pali3kit.data.world.words import SYLLABLES, invented_words
from pali3kit.errors import DataError


def test_train_and_test_words_are_disjoint():
    assert not set(invented_words("train")) & set(invented_words("test"))
    assert len(invented_words("train")) > 140 and len(invented_words("test")) > 35


@pytest.mark.parametrize("place", [0, 1])
def test_training_has_every_syllable_in_both_places(place):
    assert {word.split()[place] for word in invented_words("train")} == set(SYLLABLES)
    assert {word.split()[place] for word in invented_words("test")} <= set(SYLLABLES)


def test_no_word_is_a_name_in_any_language():
    given = {name.lower() for language in names.LANGUAGES for name in names.in_language(language).names}
    invented = {*invented_words("train"), *invented_words("test")}
    assert not given & (invented | {word.replace(" ", "") for word in invented})


def test_unknown_split():
    with pytest.raises(DataError, match=r"no split 'tests'.*Did you mean 'test'"):
        invented_words("tests")
