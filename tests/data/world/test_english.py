import pytest

from pali3kit.data.world import english


@pytest.mark.parametrize(
    ("text", "phrase"),
    [
        ("cat", "a cat"),
        ("apple", "an apple"),
        ("unicorn", "a unicorn"),
        ("ewe", "a ewe"),
        ("hourglass", "an hourglass"),
        ("bus", "a bus"),
        ("grapes", "grapes"),
        ("popcorn", "popcorn"),
        ("skis", "skis"),
        ("glass of milk", "a glass of milk"),
        ("slice of pizza", "a slice of pizza"),
    ],
)
def test_indefinite_article_goes_by_sound_and_not_with_plurals_or_substances(text, phrase):
    assert english.indefinite(text) == phrase


@pytest.mark.parametrize(
    ("text", "plural"),
    [
        ("cat", "cats"),
        ("minibus", "minibuses"),
        ("butterfly", "butterflies"),
        ("monkey", "monkeys"),
        ("snowman", "snowmen"),
        ("mouse", "mice"),
        ("wine glass", "wine glasses"),
        ("pot of food", "pots of food"),
        ("jeans", "jeans"),
        ("sheep", "sheep"),
        ("potato", "potatoes"),
    ],
)
def test_plural_is_formed_at_the_head(text, plural):
    assert english.plural(text) == plural


def test_verb_agrees_with_the_noun():
    assert (english.is_or_are("jeans"), english.is_or_are("dress"), english.is_or_are("slice of grapes")) == (
        "are",
        "is",
        "is",
    )
