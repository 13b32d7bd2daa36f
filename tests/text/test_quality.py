"""Every rule of the filter on texts that it should drop, and good texts of many languages that pass."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pali3kit.text import quality
from pali3kit.text.quality import TextFilter, _fault

DROPPED = {
    "url": ["see https://x.org/a for more", "www.example.de", "photos by flickr.com users"],
    "file name": ["IMG_2041", "dsc00012 copy", "a cat.jpg", "image-017 of the set"],
    "markup": ["<b>a cat</b>", "cats &amp; dogs at home", "{{title}} of the page"],
    "boilerplate": ["Image for post", "click to enlarge the cat", "Stock photo of a cat", "untitled work", "logo"],
    "too short": ["cat", "7 of 9", "犬", ""],
    "too long": ["a cat sat on a mat. " * 60],
    "few letters": ["price 1,200.00 - 1,300.00", "Order ISO 9001:2015 / 44-3321-A"],
    "repeated words": ["cat cat dog cat cat dog cat", "buy buy now buy now buy"],
    "repeated signs": ["what a beautiful cat that is!!!!!!", "aaaaaaaaah a cat"],
}


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in DROPPED.items() for text in texts])
def test_what_a_rule_drops(rule: str, text: str) -> None:
    assert _fault(text) == rule


def test_every_rule_is_tested() -> None:
    assert list(DROPPED) == list(quality.RULES)


def test_good_texts_of_all_languages_pass(texts: dict[str, list[str]]) -> None:
    """The embedded world's captions in 36 languages; scripts whose vowels are marks count as letters."""
    assert [(text, _fault(text)) for known in texts.values() for text in known if _fault(text)] == []
    for text in ("a very typical bus station", "Haus am See, 1904", "犬と猫", "สุนัขในสวน", "a photo of a cat"):
        assert _fault(text) is None


@pytest.mark.parametrize("rule", quality.RULES.values(), ids=list(quality.RULES))
def test_rules_take_any_text(rule: Callable[[str], bool]) -> None:
    for text in ("", " ", "\ud800", "\u200d" * 20, "0" * 5000):
        assert rule(text) in (True, False)


def test_what_a_sieve_tells() -> None:
    text_filter = TextFilter()
    assert text_filter.good(["a cat on a mat", "IMG_1", "IMG_20", "IMG_20"]) == ("a cat on a mat",)
    assert text_filter.good([f"IMG_{n}0" for n in range(20)]) == ()
    told = text_filter.summary()
    assert (told["seen"], told["kept"]) == (24, 1)
    assert told["dropped"]["file name"]["count"] == 22 and len(told["dropped"]["file name"]["examples"]) == 10
    assert told["dropped"]["too short"] == {"count": 1, "examples": ["IMG_1"]}
