"""What an evaluation of an image encoder asks of a set of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Caption = tuple[int, str]
"""The number of its picture, and its text."""


class PictureSet(Protocol):
    """Pictures by split and index. `digest` names the content: names and sizes of files, or options.

    Splits are "train", "test" and, of another collection of the same classes, "v2"; what a set does not have has no
    pictures. Whatever is wrong with files as a whole (missing, damaged, of another layout) is told when the set is
    built, as a DataError with the path and what was expected there; a picture that cannot be read when it is asked for.
    """

    digest: str

    def content(self, split: str) -> str:
        """What names one split alone: its pictures, and its labels of either kind or its captions."""
        ...

    def size(self, split: str) -> int:
        """How many pictures a split has."""
        ...

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`, or `[H,W,4]` where it is transparent, as large as it is.

        Raises DataError, naming the file, where it cannot be read.
        """
        ...


@runtime_checkable
class LabelledSet(PictureSet, Protocol):
    """Each picture has one class. `classes` are names as a person says them ("tabby cat"), by label."""

    classes: tuple[str, ...]

    def labels(self, split: str) -> NDArray[np.int64]:
        """The label of every picture of a split."""
        ...

    def relabelled(self, split: str) -> Sequence[tuple[int, ...]] | None:
        """All labels that are right for each picture (none: nobody could tell), where somebody looked again (ReaL)."""
        ...


class CaptionedSet(PictureSet, Protocol):
    """Pictures of the split "test" with captions in `languages`."""

    languages: tuple[str, ...]

    def captions(self, language: str) -> Sequence[Caption]:
        """All captions in a language, in the order of their pictures; a picture may have several, or none."""
        ...
