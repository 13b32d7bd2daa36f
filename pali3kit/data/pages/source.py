"""The embedded pages as a source of training data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import count
from zlib import crc32

import numpy as np

from pali3kit.config.pages import PagePart
from pali3kit.data.pages.ocr import misread
from pali3kit.data.pages.page import Page
from pali3kit.data.pages.pages import Pages
from pali3kit.data.pages.tasks import PageTask
from pali3kit.data.record import Word
from pali3kit.data.source import SourceBase
from pali3kit.data.task import Task
from pali3kit.data.world.chance import choice
from pali3kit.registry import SOURCE

PARTS: dict[PagePart, tuple[str, ...]] = {
    "sign": ("sign",),
    "cover": ("cover",),
    "poster": ("poster",),
    "document": ("form", "letter", "receipt", "table"),
    "diagram": ("diagram",),
    "chart": ("chart_bar", "chart_line", "chart_pie"),
    "screen": ("screen",),
    "widget": ("widget",),
    "crowd": ("crowd",),
}
"""The kinds of pages of each part, in turn."""
HELD_OUT_SEED = 1 << 32  # of texts; seeds of training runs are smaller
SENTENCES = 200_000
_CACHED_PAGES = 1 << 14  # what is known of them, not their pixels


@SOURCE.register(
    "pages",
    "embedded pages, charts and screens, no network",
    annotations=("captions", "words", "questions"),
    endless=True,
    parts={
        "sign": ("captions", "words", "questions"),
        "cover": ("captions", "words", "questions"),
        "poster": ("captions", "words", "questions"),
        "document": ("captions", "words", "questions"),
        "diagram": ("captions", "words", "questions"),
        "chart": ("captions", "words", "questions"),
        "screen": ("captions", "words", "questions"),
        "widget": ("captions", "words"),
        "crowd": ("captions", "questions"),
    },
    smallest=96,  # words of smaller pages are illegible
    drawn="drawn pages of invented words, names and numbers; "
    "what is printed on those for testing is on none for training",
)
class PagesSource(SourceBase):
    """`Pages` with the interface of a `pali3kit.data.source.Source`. Its parts alternate from image to image.

    A task is `part.task`, as `document.vqa`, or `task` of all parts: caption, splitcap, span_corruption, ocr, vqa, vqg.

    Args:
        only: the parts that are drawn; null or an empty list: all of them.
        seed: of all pages.
        ocr_errors: the share of words that the OCR of `published_words` misses, and of characters that it misreads.
        image_size: side of the square images in pixels, at least 96; passed by the program.
    """

    languages = ("en",)
    classes: tuple[str, ...] = ()

    def __init__(
        self, only: list[PagePart] | None = None, seed: int = 0, ocr_errors: float = 0.05, image_size: int = 128
    ) -> None:
        self.parts: tuple[PagePart, ...] = tuple(part for part in PARTS if not only or part in only)
        kinds = [kind for part in self.parts for kind in PARTS[part]]
        self.pages, self.seed, self.ocr_errors = Pages(kinds, image_size, seed), seed, ocr_errors
        self.digest = self.pages.digest
        self._page = lru_cache(_CACHED_PAGES)(self._make)

    def part(self, index: int) -> PagePart:
        """The part of image `index`."""
        return self.parts[index % len(self.parts)]

    def page(self, split: str, index: int) -> Page:
        """What is known of an image."""
        return self._page(split, index)

    def _make(self, split: str, index: int) -> Page:
        kinds = PARTS[self.part(index)]
        number, which = divmod(index // len(self.parts), len(kinds))
        return self.pages.page(split, kinds[which], number)

    def image(self, split: str, index: int) -> np.ndarray:
        return self.pages.draw(self.page(split, index)).image

    def words(self, split: str, index: int) -> tuple[Word, ...]:
        """The printed words in reading order."""
        return tuple(Word(word.text, word.box) for word in self.pages.draw(self.page(split, index)).words)

    def published_words(self, split: str, index: int) -> tuple[Word, ...]:
        rng = np.random.default_rng([self.seed, crc32(f"{split} ocr".encode()), index])
        return misread(self.pages.draw(self.page(split, index)).words, self.ocr_errors, rng)

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        """None: pages have no classes."""
        return ()

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        return choice(rng, self.page(split, index).captions)

    def task(self, name: str, bins: int) -> Task:
        return PageTask(name, self)

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Captions, questions and answers of training pages, with the words printed on each."""
        given = 0
        for index in count(seed << 32):
            for text in self._texts(index):
                if given == (limit or SENTENCES):
                    return
                given += 1
                yield text

    def _texts(self, index: int) -> Sequence[str]:
        page = self.page("train", index)
        printed = " ".join(word.text for word in self.words("train", index))
        asked = [f"{question.text} {question.answer}" for question in page.questions]
        return [text for text in (*page.captions, *asked, printed) if text]

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts of a seed that no training uses. Templates are the same, so that short texts may occur in both."""
        return self.sentences(HELD_OUT_SEED, bins, limit)

    def tokenized(self, text: str, language: str) -> str:
        return text
