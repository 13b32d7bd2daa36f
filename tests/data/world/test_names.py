from __future__ import annotations

import pytest

from pali3kit.data.world import names
from pali3kit.errors import DataError

CAT, FRANCE = "\U0001f408", "\U0001f1eb\U0001f1f7"


def test_every_image_is_named_in_all_36_languages():
    assert len(names.LANGUAGES) == len(set(names.LANGUAGES)) == 36
    for language in names.LANGUAGES:
        given = names.in_language(language).names
        assert len(given) == len(names.emoji()) > 1500
        assert all(name and name == name.strip() for name in given)


@pytest.mark.parametrize(
    ("language", "cat", "france"),
    [("en", "cat", "France"), ("de", "Katze", "Frankreich"), ("quz", "misi", "Francia"), ("fil", "pusa", "France")],
)
def test_names_of_a_image_and_of_a_flag(language, cat, france):
    assert names.in_language(language).name(CAT) == cat
    assert names.in_language(language).name(FRANCE) == france


def test_groups_and_keywords():
    assert names.category(CAT) == "Animals & Nature"
    assert names.subgroup(CAT) == "animal-mammal"
    assert "pet" in names.english_keywords(CAT)
    assert len({names.category(one) for one in names.emoji()}) == 9


@pytest.mark.parametrize(
    ("language", "items", "joined"),
    [
        ("en", [], ""),
        ("en", ["a"], "a"),
        ("en", ["a", "b"], "a and b"),
        ("en", ["a", "b", "c", "d"], "a, b, c, and d"),
        ("de", ["a", "b", "c"], "a, b und c"),
        ("ja", ["a", "b", "c"], "a、b、c"),
        ("he", ["a", "b"], "a וb"),
        ("en", ["{1}", "{0}"], "{1} and {0}"),
    ],
)
def test_join_follows_the_language(language, items, joined):
    assert names.in_language(language).join(items) == joined


def test_quotes_are_pairs():
    assert names.in_language("fr").quotes == ("«", "»")
    assert all(len(names.in_language(language).quotes) == 2 for language in names.LANGUAGES)


def test_skin_tones_are_five_per_base():
    bases = [base for _, base in names.skin_toned()]
    assert len(bases) == 5 * len(set(bases))
    assert set(bases) <= set(names.emoji())


def test_unknown_languages_and_emoji_are_errors():
    with pytest.raises(DataError, match="no language 'eng' in the embedded world"):
        names.in_language("eng").name(CAT)
    with pytest.raises(DataError, match="no emoji 'cat'"):
        names.in_language("en").name("cat")
