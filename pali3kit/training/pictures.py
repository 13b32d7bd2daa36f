"""Batches of pictures with labels or texts: a pure function of the step; what cannot be used is replaced and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from pali3kit.config.offers import Supervision
from pali3kit.data.source import STRETCH, Source
from pali3kit.errors import DataError
from pali3kit.images.augment import random_view
from pali3kit.images.spec import ImageSpec
from pali3kit.models.text_tower import padded_ids
from pali3kit.text.tokenizer import Tokenizer

ATTEMPTS = 100  # samples in a row that cannot be used, before the source is given up
T = TypeVar("T")
Batch = dict[str, Any]


@dataclass(frozen=True)
class PretrainingImages:
    """Step `i` holds the pictures from `i * batch_size` on; one rank of several makes its part of them.

    Every seed has a stretch of the endless stream for itself, and so both arms of a seed see the same pictures.
    A sample that cannot be used is replaced by one further on, and batches say in `skipped` which and why.

    Args:
        source: where pictures come from.
        spec: how the encoder wants them.
        seed: chooses the stretch.
        batch_size: of all ranks together.
        crop, flip: random views (`images.augment`); without, pictures that are not of the encoder's size are fitted as
            `spec` says.
        rank, ranks: which part of every batch this process makes.
    """

    source: Source
    spec: ImageSpec
    seed: int
    batch_size: int
    crop: float = 1.0
    flip: bool = False
    rank: int = 0
    ranks: int = 1

    def telling(self, what: Supervision) -> PretrainingImages:
        """Those alone that may have texts, or labels."""
        return replace(self, source=self.source.telling(what))

    def with_labels(self, step: int, classes: int) -> Batch:
        """`images` float32 `[B,3,H,W]`, normalised for the encoder, and `labels` float32 `[B,classes]` of 0 and 1."""
        told = self.telling("labels")
        drawn = told._draw(step, lambda index, rng: told.source.labels("train", index))
        labels = torch.zeros(len(drawn.said), classes)
        for row, present in enumerate(drawn.said):
            labels[row, list(present)] = 1.0
        return {"images": self._stack(drawn), "labels": labels, **drawn.noted()}

    def with_texts(self, step: int, tokenizer: Tokenizer, length: int) -> Batch:
        """`images` as above and `ids` int64 `[B,length]`, as `padded_ids` makes them."""
        told = self.telling("texts")
        drawn = told._draw(step, lambda index, rng: told.source.alt_text("train", index, rng))
        return {"images": self._stack(drawn), "ids": padded_ids(drawn.said, tokenizer, length), **drawn.noted()}

    def alone(self, step: int) -> torch.Tensor:
        """`images` alone."""
        return self._stack(self._draw(step, lambda index, rng: None))

    def _stack(self, drawn: _Drawn[T]) -> torch.Tensor:
        return self.spec.prepare(drawn.images)

    def _draw(self, step: int, say: Callable[[int, np.random.Generator], T]) -> _Drawn[T]:
        """The pictures of a step, with what `say` says of each."""
        drawn: _Drawn[T] = _Drawn()
        rng = np.random.default_rng([self.seed, step])
        size = self.batch_size // self.ranks
        start = STRETCH * (self.seed + 1) + step * self.batch_size
        mine = range(start + self.rank * size, start + (self.rank + 1) * size)
        if self.source.draws:  # what earlier ranks draw, so that a rank's texts are those of a run without ranks
            for index in range(start, mine.start):
                say(index, rng)
        for index in mine:
            self._add(drawn, index, lambda index: say(index, rng))
        return drawn

    def _add(self, drawn: _Drawn[T], index: int, say: Callable[[int], T]) -> None:
        """One sample: the one at `index`, or the first usable one at the same place of later batches."""
        reason = ""
        for chosen in range(index, index + ATTEMPTS * self.batch_size, self.batch_size):
            try:
                said, image = say(chosen), self._picture(chosen)
            except DataError as error:
                reason = str(error)
                drawn.skipped.append(reason)
                continue
            drawn.said.append(said)
            drawn.images.append(image)
            return
        raise DataError(f"{ATTEMPTS} samples in a row cannot be used; the last: {reason}")

    def _picture(self, index: int) -> np.ndarray:
        """uint8 `[size,size,3]`: a batch of photographs as large as they are would fill memory."""
        if self.crop == 1 and not self.flip:
            return fitted(self.source, self.spec, "train", index)
        rng = np.random.default_rng([self.seed, index])
        image = self.spec.opaque(self.source.image("train", index))
        return random_view(image, self.spec.size, rng, self.crop, self.flip)


@dataclass
class _Drawn(Generic[T]):
    """What was drawn for a step."""

    images: list[np.ndarray] = field(default_factory=list)
    said: list[T] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def noted(self) -> dict[str, list[str]]:
        return {"skipped": self.skipped} if self.skipped else {}


def fitted(source: Source, spec: ImageSpec, split: str, index: int) -> np.ndarray:
    """A picture as the encoder takes it, uint8 `[size,size,3]`. Raises DataError for one that cannot be used."""
    image = source.image(split, index)
    try:
        return spec.fitted(image)
    except DataError as error:
        raise DataError(f"{split} picture {index}: {error}") from error


def picture_or_black(source: Source, spec: ImageSpec, split: str, index: int, bad: set[int]) -> np.ndarray:
    """uint8 `[size,size,3]`; black for a picture that cannot be used, which is noted in the source's `skips` and `bad`.

    Raises DataError for one of a source that notes nothing, or where there are too many.
    """
    skips = source.skips
    if skips is not None:
        skips.seen += 1
    try:
        image = fitted(source, spec, split, index)
    except DataError as error:
        if skips is None:
            raise
        bad.add(index)
        skips.add(str(error))
        image = np.zeros((spec.size, spec.size, 3), np.uint8)
    return image
