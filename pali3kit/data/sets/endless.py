"""A labelled set as an endless shuffled stream for training."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pali3kit.data.sets.contract import LabelledSet
from pali3kit.data.source import STRETCH, SourceBase
from pali3kit.errors import DataError


class EndlessSet(SourceBase):
    """The train split as a source for `training.images.PretrainingImages`, shuffled anew for every epoch.

    The image is a pure function of the position in the stream, so that a resumed run continues within an epoch. Raises
    DataError for a set without training images.
    """

    def __init__(self, images: LabelledSet) -> None:
        self.images, self.classes = images, images.classes
        self._labels = images.labels("train")
        if not len(self._labels):
            raise DataError("the set has no images in its split 'train' to train on")
        self._order = lru_cache(2)(lambda *epoch: np.random.default_rng(epoch).permutation(len(self._labels)))

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`, or `[H,W,4]` with transparency, in its original size."""
        return self.images.image("train", self._number(index))

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        """The one class of the image."""
        return (int(self._labels[self._number(index)]),)

    def _number(self, index: int) -> int:
        stretch, place = divmod(index, STRETCH)  # the stretch of every seed begins with a new epoch
        epoch, position = divmod(place, len(self._labels))
        return int(self._order(stretch, epoch)[position])
