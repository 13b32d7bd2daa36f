"""What a stage may ask of a source of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pali3kit.data.task import Task

if TYPE_CHECKING:
    from typing_extensions import Self

    from pali3kit.config.offers import Supervision
    from pali3kit.data.records import Skips
    from pali3kit.text.quality import Sieve

STRETCH = 1 << 32  # pictures of one seed; those before the first stretch are for the stages on PaLI


class Source(Protocol):
    """Pictures by split ("train" or "test") and index, and what is known of them.

    `draws` tells whether `alt_text` draws from its generator. What `SourceBase` answers of itself is explained there.
    """

    draws: bool

    @property
    def skips(self) -> Skips | None: ...

    @property
    def damages(self) -> Sequence[str]: ...

    @property
    def sieves(self) -> Mapping[str, Sieve]: ...

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
        """Indices into `classes` of what is in the picture: the classification arm's supervision."""
        ...

    def alt_text(self, split: str, index: int, rng: np.random.Generator) -> str:
        """One text found beside the picture, in any language: SigLIP's supervision."""
        ...

    def task(self, name: str, bins: int) -> Task:
        """A task by name; boxes are written in `bins` steps. Raises RegistryError for an unknown name."""
        ...

    def sentences(self, seed: int, bins: int, limit: int | None = None) -> Iterator[str]:
        """Text for the tokenizer and the language model, at most `limit` of them; boxes are written in `bins` steps."""
        ...

    def held_out(self, bins: int, limit: int | None = None) -> Iterator[str]:
        """Text that `sentences` gives for no seed of a training, to measure a language model on; always the same."""
        ...

    def tokenized(self, text: str, language: str) -> str:
        """A caption with spaces between its words, for metrics on writing that has none."""
        ...


class SourceBase:
    """A source whose content is made, or is sure to be whole: what is known of files is empty here.

    Attributes:
        skips: records that turned out to be of no use, where there may be some.
        digest: names the content, so that new pictures are new work; empty where nothing needs to.
    """

    skips: Skips | None = None
    digest: str = ""

    @property
    def max_images(self) -> int:
        """The most images that an example of this source has."""
        return 1

    @property
    def damages(self) -> Sequence[str]:
        """What is wrong with whole files, as far as they have been read."""
        return ()

    @property
    def sieves(self) -> Mapping[str, Sieve]:
        """What filters of texts saw, by what they filter."""
        return {}

    def telling(self, what: Supervision) -> Self:
        """The source without what is sure to have none of it: all, for pictures of one kind."""
        return self
