import re
from collections import Counter

import numpy as np
import pytest

from pali3kit.data.pages import lexicon, scripts
from pali3kit.data.pages.lexicon import Lexicon
from pali3kit.errors import DataError


def many(split, make, count=3000):
    own, draw = Lexicon(split), np.random.default_rng(0).random
    return [make(own, draw) for _ in range(count)]


MAKERS = {
    "word": lambda own, draw: own.word(draw),
    "name": lambda own, draw: own.name(draw, 3),
    "full_name": lambda own, draw: own.full_name(draw),
    **{script: (lambda own, draw, script=script: own.foreign(draw, script)) for script in scripts.SCRIPTS},
    "number": lambda own, draw: own.number(draw, 10, 999),
    "cents": lambda own, draw: own.cents(draw, 50, 9999),
    "date": lambda own, draw: own.date(draw),
    "layout": lambda own, draw: own.layout(draw, 3, 3, 2, 2),
}


@pytest.mark.parametrize("what", MAKERS)
def test_splits_share_nothing(what):
    train, test = (set(many(split, MAKERS[what])) for split in lexicon.SPLITS)
    assert train and test and not train & test
    assert len(test) < len(train) or what == "full_name"


@pytest.mark.parametrize("script", scripts.SCRIPTS)
def test_train_has_each_letter_at_each_position(script):
    """Test words can be read by who has learnt to read those of train."""
    train, test = (many(split, MAKERS[script]) for split in lexicon.SPLITS)
    seen = {(position, letter) for word in train for position, letter in enumerate(word)}
    assert {(position, letter) for word in test for position, letter in enumerate(word)} <= seen
    assert all(set(word) <= set(scripts.LETTERS[script]) for word in train)


def test_train_has_each_digit_at_each_position():
    numbers = [f"{number:03}" for number in many("train", lambda own, draw: own.number(draw, 100, 999))]
    for position in range(3):
        assert {number[position] for number in numbers} == set("0123456789"[position == 0 :])


def test_train_has_each_syllable_at_each_position():
    words = many("train", MAKERS["word"], 6000)
    syllables = {a + b for a in lexicon.CONSONANTS["latin"] for b in lexicon.VOWELS["latin"]}
    for start in (0, 2):
        assert {word[start : start + 2] for word in words} == syllables


def test_numbers_are_in_range_and_those_of_one_digit_are_shared():
    train, test = (many(split, lambda own, draw: own.number(draw, 1, 12)) for split in lexicon.SPLITS)
    assert set(range(1, 10)) <= set(train) & set(test)
    assert set(train) | set(test) <= set(range(1, 13))


def test_amounts_and_dates_are_printed_as_usual():
    assert lexicon.amount(320) == "3.20" and lexicon.amount(5) == "0.05" and lexicon.amount(12345) == "123.45"
    assert [lexicon.date_text(4, 3, 2019, style) for style in range(4)] == [
        "4 Mar 2019", "04/03/2019", "2019-03-04", "Mar 4, 2019",
    ]  # fmt: skip


def test_a_date_is_of_one_split_in_all_styles():
    days = {split: many(split, lambda own, draw: own.date(draw, 1)) for split in lexicon.SPLITS}
    other = {split: many(split, lambda own, draw: own.date(draw, 2)) for split in lexicon.SPLITS}
    turned = {"-".join(reversed(day.split("/"))) for day in days["train"]}
    assert not turned & set(other["test"])
    assert turned & set(other["train"])


def test_words_are_polite_pronounceable_and_no_labels():
    for word in many("train", MAKERS["word"]) + many("test", MAKERS["word"]):
        assert re.fullmatch("([bdfgklmnprstvz][aeiou]){2}", word)
        assert not any(excluded in word for excluded in lexicon._EXCLUDED)


def test_distinct_things_differ():
    own, draw = Lexicon("test"), np.random.default_rng(0).random
    for _ in range(200):
        assert len(set(own.names(draw, 5))) == 5


def test_about_a_fifth_is_for_test():
    counts = Counter(lexicon.owner(str(number)) for number in range(5000))
    assert 0.17 < counts["test"] / 5000 < 0.23


def test_an_unknown_split_is_refused():
    with pytest.raises(DataError, match=r"no split 'tset' of pages.*'test'"):
        Lexicon("tset")
