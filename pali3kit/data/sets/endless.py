"""A labelled set as an endless shuffled stream, to train on."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from pali3kit.data.sets.contract import LabelledSet
from pali3kit.data.source import STRETCH, SourceBase
from pali3kit.errors import DataError


class EndlessSet(SourceBase):
    """The train split as `training.pictures.PretrainingImages` asks for it: every pass over it has another order.

    A position in the stream says which picture it is, so that a run continues in the middle of a pass. Raises DataError
    for a set without train pictures.
    """

    draws = False

    def __init__(self, pictures: LabelledSet) -> None:
        self.pictures, self.classes = pictures, pictures.classes
        self._labels = pictures.labels("train")
        if not len(self._labels):
            raise DataError("the set has no pictures in its split 'train': there is nothing to learn from")
        self._order = lru_cache(2)(lambda *turn: np.random.default_rng(turn).permutation(len(self._labels)))

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`, or `[H,W,4]` where it is transparent, as large as it is."""
        return self.pictures.image("train", self._number(index))

    def labels(self, split: str, index: int) -> tuple[int, ...]:
        """The picture's one class."""
        return (int(self._labels[self._number(index)]),)

    def _number(self, index: int) -> int:
        stretch, place = divmod(index, STRETCH)  # every seed's stretch begins with a whole pass
        turn, position = divmod(place, len(self._labels))
        return int(self._order(stretch, turn)[position])
