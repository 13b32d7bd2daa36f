import pytest

from pali3kit.data.world import names, vocabulary
from pali3kit.data.world.classes import scene_candidates


def test_nouns_are_lower_case_and_flags_say_that_they_are_flags():
    assert vocabulary.noun("🐢") == "turtle"
    assert vocabulary.noun("🇫🇷") == "flag of france"


def test_every_subgroup_has_plain_words():
    for emoji in names.emoji():
        kind = vocabulary.kind(emoji)
        assert kind == kind.lower() and "-" not in kind and "&" not in kind, names.subgroup(emoji)


@pytest.mark.parametrize(("emoji", "kind", "hypernym"), [("🐢", "reptile", "animal"), ("🍐", "fruit", "food")])
def test_kinds_and_wider_kinds(emoji, kind, hypernym):
    assert vocabulary.kind(emoji) == kind
    assert vocabulary.hypernym(kind) == hypernym


def test_a_thing_could_be_called_by_less_than_its_name_and_by_its_keywords():
    assert vocabulary.could_be("🍷", "🍷")
    assert vocabulary.could_be("🐱", "🐈")  # a "cat face" is a cat
    assert not vocabulary.could_be("🐈", "🐱")
    assert not vocabulary.could_be("🐢", "🍐")


def test_images_of_scenes_have_a_kind_that_can_be_counted_or_named():
    assert all(vocabulary.countable_noun(vocabulary.kind(emoji)) for emoji in scene_candidates())
