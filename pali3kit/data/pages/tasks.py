"""The tasks of the stages on PaLI, on pages (prompts: paper.md §2.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np

from pali3kit.config.pages import PagePart
from pali3kit.data.pages.page import Page
from pali3kit.data.record import Word
from pali3kit.data.task import Example
from pali3kit.data.world.chance import choice
from pali3kit.data.world.questions import Question
from pali3kit.errors import RegistryError, choose
from pali3kit.text import prompts
from pali3kit.text.denoise import corrupt_spans
from pali3kit.text.splitcap import split_caption


class _Numbered(Protocol):
    """Pages by split and number, as `source.PagesSource` has them."""

    parts: tuple[PagePart, ...]

    def part(self, index: int) -> PagePart: ...

    def page(self, split: str, index: int) -> Page: ...

    def words(self, split: str, index: int) -> tuple[Word, ...]: ...


class PageTask:
    """A task by name, `part.task` or `task` of all parts: turns pages into examples."""

    def __init__(self, name: str, source: _Numbered) -> None:
        part, _, task = name.rpartition(".")
        if part and part not in source.parts:
            raise RegistryError(f"task '{name}': the pages have no part '{part}'.{choose(part, source.parts)}")
        if task not in _DRAWS:
            raise RegistryError(f"pages have no task '{task}'.{choose(task, _DRAWS)}")
        self.name, self.source = name, source
        self._part, self._draw = part, _DRAWS[task]

    def draw(self, split: str, index: int, rng: np.random.Generator) -> Example | None:
        if self._part and self.source.part(index) != self._part:
            return None
        return self._draw(self.source, split, index, rng)

    def where(self, split: str, count: int) -> Sequence[range]:
        parts = [*self.source.parts]
        return (range(parts.index(self._part), count, len(parts)) if self._part else range(count),)


def _caption(source: _Numbered, split: str, index: int, rng: np.random.Generator) -> Example | None:
    captions = source.page(split, index).captions
    if not captions:
        return None
    return Example((index,), prompts.for_caption("EN"), choice(rng, captions), captions, id=index)


def _splitcap(source: _Numbered, split: str, index: int, rng: np.random.Generator) -> Example | None:
    captions = source.page(split, index).captions
    return Example((index,), *split_caption(choice(rng, captions), "EN", rng)) if captions else None


def _spans(source: _Numbered, split: str, index: int, rng: np.random.Generator) -> Example | None:
    """Span corruption of a caption, without its image."""
    captions = source.page(split, index).captions
    corrupted = corrupt_spans(choice(rng, captions), rng) if captions else None
    return Example((), *corrupted) if corrupted else None


def _ocr(source: _Numbered, split: str, index: int, rng: np.random.Generator) -> Example | None:
    """All printed words in reading order."""
    words = " ".join(word.text for word in source.words(split, index))
    return Example((index,), prompts.for_ocr("EN"), words, (words,)) if words else None


def _asked(source: _Numbered, split: str, index: int, rng: np.random.Generator) -> Question | None:
    questions = source.page(split, index).questions
    return choice(rng, questions) if questions else None


def _answer(source: _Numbered, split: str, index: int, rng: np.random.Generator) -> Example | None:
    """Answer a question; its kind is the group by which scores are told."""
    asked = _asked(source, split, index, rng)
    if asked is None:
        return None
    return Example((index,), prompts.for_answer(asked.text), asked.answer, asked.answers, id=index, group=asked.kind)


def _question(source: _Numbered, split: str, index: int, rng: np.random.Generator) -> Example | None:
    asked = _asked(source, split, index, rng)
    if asked is None:
        return None
    return Example((index,), prompts.for_question(asked.answer, "EN"), asked.text, (asked.text,))


_DRAWS: dict[str, Callable[[_Numbered, str, int, np.random.Generator], Example | None]] = {
    "caption": _caption, "splitcap": _splitcap, "span_corruption": _spans, "ocr": _ocr, "vqa": _answer,
    "vqg": _question, "caption_multilingual": _caption, "caption_en": _caption,
}  # fmt: skip
