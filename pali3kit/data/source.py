"""What a stage may ask of a source of records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from pali3kit.data.task import Task

STRETCH = 1 << 32  # pictures of one seed; those before the first stretch are for the stages on PaLI


class Source(Protocol):
    """Pictures by split ("train" or "test") and index, and what is known of them.

    `draws` tells whether `alt_text` draws from its generator.
    """

    draws: bool

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
