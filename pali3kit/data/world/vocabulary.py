"""English words for emoji: nouns, keywords, and everyday words for Unicode's subgroups."""

from __future__ import annotations

from functools import cache

from pali3kit.data.world import names

# Everyday words for Unicode's subgroups ("food-prepared").
_KIND_OF_SUBGROUP = {
    "keycap": "key", "country-flag": "flag", "subdivision-flag": "flag", "flag": "flag",
    "face-smiling": "face", "face-affection": "face", "face-tongue": "face", "face-hand": "face",
    "face-neutral-skeptical": "face", "face-sleepy": "face", "face-unwell": "face", "face-hat": "face",
    "face-glasses": "face", "face-concerned": "face", "face-negative": "face", "face-costume": "face",
    "cat-face": "animal face", "monkey-face": "animal face", "heart": "heart", "emotion": "emotion",
    "hand-fingers-open": "hand", "hand-fingers-partial": "hand", "hand-single-finger": "hand",
    "hand-fingers-closed": "hand", "hands": "hand", "hand-prop": "hand", "body-parts": "body part",
    "person": "person", "person-gesture": "person", "person-role": "person", "person-fantasy": "fantasy person",
    "person-activity": "person", "person-sport": "athlete", "person-resting": "person", "family": "family",
    "person-symbol": "person", "animal-mammal": "mammal", "animal-bird": "bird", "animal-amphibian": "amphibian",
    "animal-reptile": "reptile", "animal-marine": "sea animal", "animal-bug": "bug", "plant-flower": "flower",
    "plant-other": "plant", "food-fruit": "fruit", "food-vegetable": "vegetable", "food-prepared": "food",
    "food-asian": "asian food", "food-sweet": "sweet", "food-marine": "seafood", "drink": "drink",
    "dishware": "dishware", "place-map": "map", "place-geographic": "place", "place-building": "building",
    "place-religious": "religious building", "place-other": "place", "transport-ground": "land vehicle",
    "transport-water": "boat", "transport-air": "aircraft", "hotel": "hotel item", "time": "time",
    "sky & weather": "weather", "event": "celebration", "award-medal": "award", "sport": "sport", "game": "game",
    "arts & crafts": "art", "clothing": "clothing", "sound": "sound", "music": "music",
    "musical-instrument": "musical instrument", "phone": "phone", "computer": "computing",
    "light & video": "light or video", "book-paper": "book or paper", "money": "money", "mail": "mail",
    "writing": "writing tool", "office": "office item", "lock": "lock or key", "tool": "tool",
    "science": "science", "medical": "medicine", "household": "household item", "other-object": "object",
    "transport-sign": "public symbol", "warning": "warning", "arrow": "arrow", "religion": "religion",
    "zodiac": "zodiac", "av-symbol": "button", "gender": "gender", "math": "math", "punctuation": "punctuation",
    "currency": "money", "other-symbol": "symbol", "alphanum": "letters", "geometric": "shape",
}  # fmt: skip
_HYPERNYMS = {
    "mammal": "animal", "bird": "animal", "amphibian": "animal", "reptile": "animal", "sea animal": "animal",
    "bug": "insect", "flower": "plant", "plant": "nature", "fruit": "food", "vegetable": "food", "food": "meal",
    "asian food": "food", "sweet": "dessert", "seafood": "food", "drink": "beverage", "land vehicle": "vehicle",
    "boat": "vehicle", "aircraft": "vehicle", "musical instrument": "instrument", "religious building": "building",
    "fantasy person": "person", "athlete": "person", "clothing": "clothes", "sport": "game", "building": "place",
}  # fmt: skip
# For kinds that are not countable nouns: the noun for one thing of the kind.
_COUNTABLE_NOUNS = {
    "clothing": "piece of clothing", "celebration": "party item", "sport": "piece of sports gear", "time": "clock",
    "weather": "weather symbol", "light or video": "lamp or camera", "art": "piece of art", "math": "math symbol",
    "medicine": "medical item", "science": "science item", "music": "music item", "sound": "sound device",
    "religion": "religious symbol", "zodiac": "zodiac sign", "gender": "gender symbol", "computing": "computer item",
}  # fmt: skip


@cache
def noun(emoji: str) -> str:
    """English name of an emoji in running text, lower case: `"cat"`, `"flag of france"`."""
    name = names.in_language("en").name(emoji).lower()
    return f"flag of {name}" if names.subgroup(emoji) == "country-flag" else name


@cache
def _words(emoji: str) -> frozenset[str]:
    return frozenset(noun(emoji).split())


@cache
def keywords(emoji: str) -> frozenset[str]:
    """All English keywords of an emoji, lower case."""
    return frozenset(word.lower() for word in names.english_keywords(emoji))


@cache
def kind(emoji: str) -> str:
    """The kind of thing that an emoji shows, in everyday words: `"mammal"`, `"fruit"`, `"land vehicle"`."""
    subgroup = names.subgroup(emoji)
    return _KIND_OF_SUBGROUP.get(subgroup, subgroup.replace("-", " "))


def hypernym(kind_of_thing: str) -> str:
    """A wider term for a kind: `"animal"` for `"mammal"`; `"thing"` if there is none."""
    return _HYPERNYMS.get(kind_of_thing, "thing")


def countable_noun(kind_of_thing: str) -> str:
    """A countable noun for a kind: `"mammal"`, `"piece of clothing"`."""
    return _COUNTABLE_NOUNS.get(kind_of_thing, kind_of_thing)


@cache
def could_be(present: str, asked: str) -> bool:
    """Whether the name of `asked` could refer to the emoji `present`: "cat" to a "cat face"."""
    return _words(asked) <= _words(present) or noun(asked) in keywords(present)
