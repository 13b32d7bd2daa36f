"""Protocols of the image sets on which encoders are evaluated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Caption = tuple[int, str]
"""The index of its image, and its text."""


class ImageSet(Protocol):
    """Images by split and index. `digest` identifies the content: names and sizes of files, or options.

    Splits are "train", "test" and, for a second collection of the same classes, "v2"; a missing split has size 0.
    Missing or malformed annotation files raise DataError when the set is built, with the path and what was expected
    there; an image that cannot be read raises when it is asked for.
    """

    digest: str

    def content(self, split: str) -> str:
        """Digest of one split: its images, and its labels of either kind or its captions."""
        ...

    def size(self, split: str) -> int:
        """Number of images of a split."""
        ...

    def image(self, split: str, index: int) -> np.ndarray:
        """uint8 `[H,W,3]`, or `[H,W,4]` with transparency, in its original size.

        Raises DataError, naming the file, if it cannot be read.
        """
        ...


@runtime_checkable
class LabelledSet(ImageSet, Protocol):
    """Images with one class each. `classes` are readable names ("tabby cat"), by label."""

    classes: tuple[str, ...]

    def labels(self, split: str) -> NDArray[np.int64]:
        """The label of every image of a split, int64 `[size]`."""
        ...

    def relabelled(self, split: str) -> Sequence[tuple[int, ...]] | None:
        """All correct labels of each image (may be none), for splits that were relabelled as ReaL was; else None."""
        ...


class CaptionedSet(ImageSet, Protocol):
    """Images of the split "test" with captions in `languages`."""

    languages: tuple[str, ...]

    def captions(self, language: str) -> Sequence[Caption]:
        """All captions in a language, in the order of their images; an image may have several, or none."""
        ...
