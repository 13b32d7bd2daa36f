"""A scorer of texts: how much of a text is in capitals."""

from __future__ import annotations

from collections.abc import Sequence

from pali3kit.registry import TEXT_SCORER


@TEXT_SCORER.register("shouting", "the share of capitals among a text's letters")
class Shouting:
    """The share of capitals among the letters of each text, 0 without letters."""

    def __call__(self, texts: Sequence[str]) -> list[float]:
        letters = [[sign for sign in text if sign.isalpha()] for text in texts]
        return [sum(map(str.isupper, each)) / max(1, len(each)) for each in letters]
