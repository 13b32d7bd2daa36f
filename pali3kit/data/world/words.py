"""Invented words for signs: two syllables written apart, such as "ku mo", disjoint between train and test.

Reading cannot be guessed from a word list, yet each syllable is seen in training, in both places of a word. They are
written apart so that a tokenizer gives words that it knows and words that it does not the same two pieces (written
together, half of the test words fell into three).
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
TEST_SHARE = 5  # one word in five is for test
UNFIT = {"suka"}  # rude somewhere


@cache
def _human_words() -> frozenset[str]:
    """Words of all names and keywords: a real word is no invented one."""
    texts = [name for language in names.LANGUAGES for name in names.names(language)]
    texts += [keyword for one in names.emoji() for keyword in names.keywords(one)]
    return frozenset(word for text in texts for word in re.findall(r"\w+", text.lower()))


@cache
def words(split: str) -> tuple[str, ...]:
    """All words of a split, in a fixed random order."""
    if split not in SPLITS:
        raise DataError(f"no split {split!r} in the embedded world.{nearest(split, SPLITS)}")
    unfit = UNFIT | _human_words()
    every = [(first, second) for first in SYLLABLES for second in SYLLABLES if first != second]
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(every))
    invented = [" ".join(every[position]) for position in order if "".join(every[position]) not in unfit]
    return tuple(word for position, word in enumerate(invented) if (position % TEST_SHARE == 0) == (split == "test"))
