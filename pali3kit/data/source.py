"""The contract of data sources."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pali3kit.data.task import Task
from pali3kit.errors import DataError

if TYPE_CHECKING:
    from typing_extensions import Self

    from pali3kit.config.available_tasks import Supervision
    from pali3kit.data.record import Word
    from pali3kit.data.records import Skips
    from pali3kit.text.quality import TextFilter

STRETCH = 1 << 32  # image numbers for each seed's pretraining; the numbers below it are for the stages on PaLI


class Source(Protocol):
    """Images by split ("train" or "test") and number, with their annotations.

    `SourceBase` documents the properties that it has defaults for.
    """

    @property
    def skips(self) -> Skips | None: ...

    @property
    def damages(self) -> Sequence[str]: ...

    @property
    def text_filters(self) -> Mapping[str, TextFilter]: ...

    @property
    def digest(self) -> str: ...

    @property
    def max_images(self) -> int: ...

    def telling(self, what: Supervision) -> Source: ...

    @property
    def classes(self) -> tuple[str, ...]: ...

    @property
    def languages(self) -> tuple[str, ...]: ...

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`."""
        ...

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        """Indices into `classes` of what is in the image, some of which may be missing or wrong: the supervision of
        classification pretraining.
        """
        ...

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        """One text of the image, in any language: the supervision of SigLIP pretraining."""
        ...

    def task(self, name: str, bins: int) -> Task:
        """A task by name; box coordinates are quantised to `bins` values. Raises RegistryError for an unknown name."""
        ...

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Up to `limit` texts for the tokenizer and the language model; box coordinates are quantised to `bins`."""
        ...

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """Texts to evaluate a language model on, always the same; `sentences` yields none of them for any seed."""
        ...

    def published_words(self, split: str, index: int) -> tuple[Word, ...]:
        """The words that an OCR system found in an image, in its order, as they were published with the data. They may
        be wrong. Raises DataError where there are none, or they are malformed.
        """
        ...

    def tokenized(self, text: str, language: str) -> str:
        """A caption with spaces between its words, for metrics on languages that are written without."""
        ...


class SourceBase:
    """Defaults of a source that is generated or known to be complete, so that nothing is skipped.

    Attributes:
        skips: records the samples that cannot be used; None where all can be.
        digest: identifies the content, so that results are made anew when it changes; may be empty.
    """

    skips: Skips | None = None
    digest: str = ""

    @property
    def max_images(self) -> int:
        """The most images that an example of this source has."""
        return 1

    @property
    def damages(self) -> Sequence[str]:
        """What is wrong with whole files, as far as they have been read; tars are read for it."""
        return ()

    @property
    def text_filters(self) -> Mapping[str, TextFilter]:
        """Statistics of the filters of texts, by name."""
        return {}

    def published_words(self, split: str, index: int) -> tuple[Word, ...]:
        raise DataError("words of OCR are published with a data set in files or drawn pages, not with this source")

    def telling(self, what: Supervision) -> Self:
        """The source without parts that have no such supervision; sources without parts return themselves."""
        return self
