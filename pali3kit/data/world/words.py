"""Invented words for signs: two syllables with a space between, such as "ku mo", disjoint between train and test.

Test words cannot be guessed from the words of train, yet train has each syllable at both positions. The space makes the
tokenizer split words of both splits into two tokens; without it, half of the test words became three tokens.
"""

from __future__ import annotations

import re
from functools import cache

import numpy as np

from pali3kit.data.world import names
from pali3kit.errors import DataError, nearest

CONSONANTS = "kmst"
VOWELS = "aiou"
SYLLABLES: tuple[str, ...] = tuple(consonant + vowel for consonant in CONSONANTS for vowel in VOWELS)
SPLITS: tuple[str, ...] = ("train", "test")
TEST_EVERY = 5  # every fifth word is for test
EXCLUDED = {"suka"}  # rude in some language


@cache
def _real_words() -> frozenset[str]:
    """The words of all names and keywords, which invented words must not repeat."""
    texts = [name for language in names.LANGUAGES for name in names.in_language(language).names]
    texts += [keyword for emoji in names.emoji() for keyword in names.english_keywords(emoji)]
    return frozenset(word for text in texts for word in re.findall(r"\w+", text.lower()))


@cache
def invented_words(split: str) -> tuple[str, ...]:
    """All words of a split, in a fixed random order."""
    if split not in SPLITS:
        raise DataError(f"no split {split!r} in the embedded world.{nearest(split, SPLITS)}")
    excluded = EXCLUDED | _real_words()
    pairs = [(first, second) for first in SYLLABLES for second in SYLLABLES if first != second]
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(pairs))
    invented = [" ".join(pairs[position]) for position in order if "".join(pairs[position]) not in excluded]
    return tuple(word for position, word in enumerate(invented) if (position % TEST_EVERY == 0) == (split == "test"))
