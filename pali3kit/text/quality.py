"""A filter of low-quality alt-texts: small named rules for any language, and a count of what each drops.

PaLI-3 filters WebLI by heuristics that are not published (paper.md §2.2); these are the usual ones for web captions.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable

FEWEST_LETTERS = 5
MOST_CHARACTERS = 1000
LETTERS_SHARE = 0.6
REPEATABLE = 6  # texts with fewer words may repeat them
DISTINCT_SHARE = 0.5
EXAMPLES = 10  # dropped texts that are kept per rule, to be looked at

URL = re.compile(r"https?://|www\.|\w\.(?:com|net|org)\b", re.IGNORECASE)
FILE_NAME = re.compile(
    r"\.(?:jpe?g|png|gif|webp|bmp|tiff?|svg|pdf)\b|^(?:img|dscn?|pict?|image|photo)[_-]?\d{2,}", re.I
)
MARKUP = re.compile(r"</?[a-z][^>]*>|&#?\w+;|\{\{|\[\[|\{\s*\"", re.IGNORECASE)
BOILERPLATE = re.compile(
    r"^(?:image|picture|photo|thumbnail|img) (?:for|result)\b|\bclick (?:here|to|for)\b|\bimage may contain\b"
    r"|\b(?:stock (?:photo|image|vector)s?|royalty[- ]free|shutterstock|getty ?images|all rights reserved)\b"
    r"|\bview (?:larger|full)|\bno (?:image|photo|description) (?:available|found)"
    r"|^(?:untitled|placeholder|loading|logo)\b",
    re.IGNORECASE,
)
REPEATED_SIGN = re.compile(r"([^\w\s])\1{4}|(\w)\2{6}")


def _too_short(text: str) -> bool:
    """Too few letters. A wide letter, as in Chinese, is about a word and counts as three."""
    return sum(3 if unicodedata.east_asian_width(sign) == "W" else 1 for sign in text if _letter(sign)) < FEWEST_LETTERS


def _too_long(text: str) -> bool:
    return len(text) > MOST_CHARACTERS


def _few_letters(text: str) -> bool:
    """Mostly digits and signs: part numbers, prices, dates."""
    signs = [sign for sign in text if not sign.isspace()]
    return sum(map(_letter, signs)) < LETTERS_SHARE * len(signs)


def _repeated_words(text: str) -> bool:
    words = text.lower().split()
    return len(words) >= REPEATABLE and len(set(words)) < DISTINCT_SHARE * len(words)


def _repeated_signs(text: str) -> bool:
    return REPEATED_SIGN.search(text) is not None


def _url(text: str) -> bool:
    return URL.search(text) is not None


def _file_name(text: str) -> bool:
    return FILE_NAME.search(text.strip()) is not None


def _markup(text: str) -> bool:
    return MARKUP.search(text) is not None


def _boilerplate(text: str) -> bool:
    """Phrases that web pages put beside any image."""
    return BOILERPLATE.search(text.strip()) is not None


RULES: dict[str, Callable[[str], bool]] = {
    "url": _url,
    "file name": _file_name,
    "markup": _markup,
    "boilerplate": _boilerplate,
    "too short": _too_short,
    "too long": _too_long,
    "few letters": _few_letters,
    "repeated words": _repeated_words,
    "repeated signs": _repeated_signs,
}
"""In order: the first rule that is true drops the text."""


def _fault(text: str) -> str | None:
    """The name of the first rule that drops a text, or None."""
    return next((name for name, drops in RULES.items() if drops(text)), None)


def _letter(sign: str) -> bool:
    """Whether it is a letter, or a mark, as many scripts write their vowels."""
    return unicodedata.category(sign)[0] in "LM"


class TextFilter:
    """Drops bad texts, and counts by rule how many it dropped."""

    def __init__(self) -> None:
        self.seen = 0
        self.dropped: dict[str, int] = {}
        self.examples: dict[str, dict[str, None]] = {}

    def good(self, texts: Iterable[str]) -> tuple[str, ...]:
        """The texts that no rule drops."""
        return tuple(text for text in texts if self._passes(text))

    def _passes(self, text: str) -> bool:
        self.seen += 1
        rule = _fault(text)
        if rule is None:
            return True
        self.dropped[rule] = self.dropped.get(rule, 0) + 1
        shown = self.examples.setdefault(rule, {})
        if len(shown) < EXAMPLES:
            shown[text[:200]] = None
        return False

    def summary(self) -> dict[str, object]:
        """The number of texts and, by rule, how many were dropped, with examples."""
        rules = {rule: {"count": n, "examples": list(self.examples[rule])} for rule, n in sorted(self.dropped.items())}
        return {"seen": self.seen, "kept": self.seen - sum(self.dropped.values()), "dropped": rules}
