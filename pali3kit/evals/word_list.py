"""A scorer of texts by a list of words: profanity in captions, without a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from pali3kit.errors import DataError
from pali3kit.registry import TEXT_SCORER
from pali3kit.text.plain import decode_text, split_lines

PROFANITY = Path(__file__).with_name("profanity.txt")
_WORD = re.compile(r"\w+(?:['’]\w+)*")


@TEXT_SCORER.register(
    "word_list", "1 for a text with a word of a list, by default of English profanity", files=("path",)
)
class WordListScorer:
    """1 for a text with a listed word, in any case, else 0. Words are compared whole: "class" has no other word in it.

    Args:
        path: a text file with a word on each line, `#` before a remark. By default a few dozen English words
            (`profanity.txt`, which says where they are from): it finds open profanity, not insults or slurs.

    Raises DataError for a file without words, or with a line of several.
    """

    def __init__(self, path: str | None = None) -> None:
        file = PROFANITY if path is None else Path(path)
        try:
            lines = split_lines(decode_text(file.read_bytes()))
        except (OSError, ValueError) as error:
            raise DataError(f"{file}: {error}") from error
        self.words = frozenset(word.casefold() for line in lines if (word := line.partition("#")[0].strip()))
        if not self.words:
            raise DataError(f"{file}: there are no words in it.")
        for word in sorted(self.words):
            if not _WORD.fullmatch(word):
                raise DataError(f"{file}: '{word[:40]}' is not one word, and texts are compared word by word.")

    def __call__(self, texts: Sequence[str]) -> list[float]:
        return [float(not self.words.isdisjoint(_WORD.findall(text.casefold()))) for text in texts]
