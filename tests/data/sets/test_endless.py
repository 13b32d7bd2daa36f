"""A labelled set as an endless stream."""

from __future__ import annotations

import numpy as np

from pali3kit.data.sets.endless import EndlessSet
from pali3kit.data.source import STRETCH


class Ten:
    """Ten images, each with its own class and shade."""

    digest = "ten"
    classes = tuple("abcdefghij")

    def content(self, split: str) -> str:
        return self.digest

    def size(self, split: str) -> int:
        return 10 if split == "train" else 0

    def image(self, split: str, index: int) -> np.ndarray:
        return np.full((2, 2, 3), index, np.uint8)

    def labels(self, split: str) -> np.ndarray:
        return np.arange(10)

    def relabelled(self, split: str) -> None:
        return None


def test_every_epoch_has_each_image_once_in_another_order() -> None:
    stream = EndlessSet(Ten())
    passes = [[stream.labels("train", 10 * turn + place)[0] for place in range(10)] for turn in range(3)]
    assert [sorted(each) for each in passes] == [list(range(10))] * 3
    assert len({tuple(each) for each in passes}) == 3


def test_the_position_determines_the_image() -> None:
    stream, again = EndlessSet(Ten()), EndlessSet(Ten())
    for place in (3, 27, STRETCH + 3):
        (label,) = stream.labels("train", place)
        assert stream.image("train", place)[0, 0, 0] == label == again.labels("train", place)[0]
    assert [stream.labels("train", STRETCH + place) for place in range(10)] != [
        stream.labels("train", place) for place in range(10)
    ]
