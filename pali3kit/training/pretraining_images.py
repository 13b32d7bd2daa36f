"""Batches of images with labels or texts, a pure function of the step; unusable samples are replaced and reported."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, TypeVar

import numpy as np
import torch

from pali3kit.config.available_tasks import Supervision
from pali3kit.data.source import STRETCH, Source
from pali3kit.errors import DataError
from pali3kit.images.augment import random_view
from pali3kit.images.spec import ImageSpec
from pali3kit.models.text_tower import padded_ids
from pali3kit.text.tokenizer import Tokenizer

ATTEMPTS = 100  # unusable samples in a row before the source is given up
TEXT = 1  # tells the random stream of an image's text from that of its view. Not 0: NumPy ignores zeros at the end
T = TypeVar("T")
Batch = dict[str, Any]


@dataclass(frozen=True)
class PretrainingImages:
    """Batches for pretraining an encoder: step `i` has the images from `i * batch_size` on, each rank its part of them.

    Every seed has its own range of the endless stream, so both arms of a seed get the same images. An image's text and
    view are drawn from random streams of its own. A sample that cannot be used is replaced by a later one; the batch
    says in `skipped` which and why.

    Args:
        source: of the images.
        spec: the encoder's preprocessing.
        seed: chooses the range of the stream.
        batch_size: of all ranks together.
        crop, flip: random views (`images.augment`); without them, images are resized as `spec` says.
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
        """The same batches over the parts of the source that may have texts, or labels."""
        return replace(self, source=self.source.telling(what))

    def with_labels(self, step: int, classes: int) -> Batch:
        """`images` uint8 `[B,3,H,W]`, of the encoder's size, and `labels` float32 `[B,classes]` of 0 and 1."""
        narrowed = self.telling("labels")
        samples = narrowed._draw(step, lambda index: narrowed.source.labels("train", index))
        labels = torch.zeros(len(samples.annotations), classes)
        for row, present in enumerate(samples.annotations):
            labels[row, list(present)] = 1.0
        return {"images": self._stack(samples), "labels": labels, **samples.as_entry()}

    def with_texts(self, step: int, tokenizer: Tokenizer, length: int) -> Batch:
        """`images` as above and `ids` int64 `[B,length]`, as `padded_ids` makes them."""
        narrowed = self.telling("texts")
        samples = narrowed._draw(step, narrowed._text)
        ids = padded_ids(samples.annotations, tokenizer, length)
        return {"images": self._stack(samples), "ids": ids, **samples.as_entry()}

    def alone(self, step: int) -> torch.Tensor:
        """The images alone."""
        return self._stack(self._draw(step, lambda index: None))

    def _stack(self, samples: _Samples[T]) -> torch.Tensor:
        return self.spec.to_batch(samples.images)

    def _draw(self, step: int, annotate: Callable[[int], T]) -> _Samples[T]:
        """This rank's images of a step, each with its annotation, which `annotate` reads."""
        samples: _Samples[T] = _Samples()
        size = self.batch_size // self.ranks
        start = STRETCH * (self.seed + 1) + step * self.batch_size + self.rank * size
        for index in range(start, start + size):
            self._add(samples, index, annotate)
        return samples

    def _add(self, samples: _Samples[T], index: int, annotate: Callable[[int], T]) -> None:
        """Add the sample at `index`, or the first usable one at the same position of a later batch."""
        reason = ""
        for chosen in range(index, index + ATTEMPTS * self.batch_size, self.batch_size):
            try:
                annotation, image = annotate(chosen), self._image(chosen)
            except DataError as error:
                reason = str(error)
                samples.skipped.append(reason)
                continue
            samples.annotations.append(annotation)
            samples.images.append(image)
            return
        raise DataError(f"{ATTEMPTS} samples in a row cannot be used; the last: {reason}")

    def _text(self, index: int) -> str:
        """A text of an image, from a random stream beside that of its view."""
        return self.source.alt_text("train", index, np.random.default_rng([self.seed, index, TEXT]))

    def _image(self, index: int) -> np.ndarray:
        """uint8 `[size,size,3]`; resized one by one, since photographs at their own size would fill memory."""
        if self.crop == 1 and not self.flip:
            return fitted(self.source, self.spec, "train", index)
        rng = np.random.default_rng([self.seed, index])
        image = self.spec.opaque(self.source.image("train", index))
        return random_view(image, self.spec.size, rng, self.crop, self.flip)


@dataclass
class _Samples(Generic[T]):
    """The images and annotations of a step, and messages on samples that were skipped."""

    images: list[np.ndarray] = field(default_factory=list)
    annotations: list[T] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    def as_entry(self) -> dict[str, list[str]]:
        """The entry `skipped` of a batch, where there is any."""
        return {"skipped": self.skipped} if self.skipped else {}


def fitted(source: Source, spec: ImageSpec, split: str, index: int) -> np.ndarray:
    """An image resized for the encoder, uint8 `[size,size,3]`. Raises DataError for one that cannot be used."""
    image = source.image(split, index)
    try:
        return spec.fitted(image)
    except DataError as error:
        raise DataError(f"{split} image {index}: {error}") from error


def images_or_black(
    source: Source, spec: ImageSpec, split: str, numbers: Sequence[int]
) -> tuple[np.ndarray, list[str]]:
    """Images uint8 `[n,size,size,3]`, black where one cannot be used, and of each the reason why, "" for good ones.

    The reasons are for `source.skips.count`. Raises DataError for a bad image of a source without `skips`.
    """
    images, reasons = np.zeros((len(numbers), spec.size, spec.size, 3), np.uint8), [""] * len(numbers)
    for row, number in enumerate(numbers):
        try:
            images[row] = fitted(source, spec, split, number)
        except DataError as error:
            if source.skips is None:
                raise
            reasons[row] = str(error)
    return images, reasons
