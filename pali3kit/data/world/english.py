"""English grammar for short noun phrases: articles, plurals, verbs."""

from __future__ import annotations

import re
from functools import cache

_IRREGULAR = {
    "person": "people", "child": "children", "mouse": "mice", "goose": "geese", "tooth": "teeth", "foot": "feet",
    "leaf": "leaves", "knife": "knives", "wolf": "wolves", "loaf": "loaves", "scarf": "scarves", "ox": "oxen",
    "die": "dice", "elf": "elves", "calf": "calves", "human": "humans", "talisman": "talismans",
    "potato": "potatoes", "tomato": "tomatoes", "mango": "mangoes", "volcano": "volcanoes", "hero": "heroes",
    "mosquito": "mosquitoes",
}  # fmt: skip
_INVARIABLE = {
    "aircraft", "bison", "clothing", "deer", "fish", "food", "furniture", "money", "moose", "music", "salmon",
    "sheep", "shrimp", "squid", "weather",
}  # fmt: skip
_UNCOUNTABLE = {
    "bacon", "badminton", "bread", "broccoli", "butter", "cheese", "clothing", "confetti", "corn", "curling", "fire",
    "fog", "food", "furniture", "garlic", "ginger", "golf", "hockey", "honey", "ice", "lacrosse", "lightning",
    "luggage", "meat", "milk", "money", "music", "popcorn", "rice", "sake", "salt", "snow", "spaghetti", "sushi",
    "tennis", "tofu", "water", "weather", "wood",
}  # fmt: skip
_ENDS_IN_S = {
    "abacus", "bus", "cactus", "compass", "cross", "dress", "glass", "hibiscus", "lens", "lotus", "octopus", "tennis",
    "walrus",
}  # fmt: skip
_AN = re.compile(r"(?!uni|use|uk|eu|one|once|ewe)[aeiou]|hour|honest|heir|x-ray|mri|sos|atm|ng ")
_HEAD = re.compile(r"(.+?)((?: (?:of|with|in|on|for|at|from|without|holding|taking)|,|:) .*)?")


@cache
def with_article(text: str) -> str:
    """`text` after a or an, chosen by its sound: `"an apple"`, `"a unicorn"`."""
    return f"{'an' if _AN.match(text) else 'a'} {text}"


@cache
def indefinite(text: str) -> str:
    """`text` as an indefinite noun phrase: `"a cat"`; plurals and substances take no article: `"grapes"`, `"bread"`."""
    head = _head(text)[0].split()[-1]
    return text if head in _UNCOUNTABLE or _is_plural(head) else with_article(text)


@cache
def is_or_are(text: str) -> str:
    """The verb that agrees with a noun phrase: `"are"` for `"grapes"`, `"is"` for `"cat"`."""
    return "are" if _is_plural(_head(text)[0].split()[-1]) else "is"


@cache
def plural(text: str) -> str:
    """Plural of a noun phrase, inflected at its head: `"pots of food"`, `"women"`, `"grapes"`."""
    head, rest = _head(text)
    *before, last = head.split(" ")
    return " ".join([*before, _plural_word(last)]) + rest


@cache
def is_countable(text: str) -> bool:
    """Whether a noun phrase names an object and not a substance."""
    return _head(text)[0].split()[-1] not in _UNCOUNTABLE


def _head(text: str) -> tuple[str, str]:
    match = _HEAD.fullmatch(text)
    return (match[1], match[2] or "") if match else (text, "")


def _is_plural(word: str) -> bool:
    ends_alone = word.endswith(("ss", "us", "is")) or word in _ENDS_IN_S
    return word == "skis" or (word.endswith("s") and not ends_alone)


def _plural_word(word: str) -> str:
    if word in _INVARIABLE or _is_plural(word):
        return word
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("man"):
        return word[:-2] + "en"
    if re.search(r"[^aeiou]y$", word):
        return word[:-1] + "ies"
    return word + ("es" if re.search(r"(s|x|z|ch|sh)$", word) else "s")
