"""SplitCap: generate the rest of a caption whose beginning is in the prompt (PaLI; paper.md §2.2)."""

from __future__ import annotations

import re
import unicodedata

import numpy as np

from pali3kit.errors import DataError
from pali3kit.text import prompts

_JOINER = "\u200d"  # zero-width joiner: joins emoji, and letters of Indic scripts


def split_caption(caption: str, language: str, rng: np.random.Generator) -> tuple[str, str]:
    """Split a caption at a random position, and return the prompt and the target.

    The position counts characters and is the start of a word; in a caption without spaces it is between any two
    characters that may be separated. At 0 the whole caption is the target. The target is never empty.

    Raises:
        DataError: the caption is blank.
    """
    caption = caption.strip()
    if not caption:
        raise DataError("a blank caption cannot be split")
    positions = _split_positions(caption)
    position = positions[int(rng.integers(len(positions)))]
    return prompts.for_caption(language, position, caption[:position].rstrip()), caption[position:]


def _split_positions(caption: str) -> list[int]:
    """The positions where a stripped caption may be split, 0 first."""
    if re.search(r"\s", caption):
        return [match.start() for match in re.finditer(r"\S+", caption)]
    return [i for i in range(len(caption)) if i == 0 or not _inseparable(caption[i - 1], caption[i])]


def _inseparable(left: str, right: str) -> bool:
    """Marks, emoji modifiers and joined characters stay with the character before them."""
    return left == _JOINER or right == _JOINER or unicodedata.category(right) in ("Mn", "Mc", "Me", "Sk")
