"""Sets of image files, with labels or with captions: base classes of the readers of published layouts."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.records import written_versions
from pali3kit.data.sets.contract import Caption
from pali3kit.errors import DataError
from pali3kit.images import decode
from pali3kit.storage.paths import inside


@dataclass(frozen=True)
class SplitFiles:
    """The image files of a split: paths relative to `folder`, as strings (a million `Path`s would take a gigabyte).

    `listed_in` is the file or folder that lists them.
    """

    folder: Path
    names: Sequence[str]
    listed_in: Path

    def digest(self, *versions: int) -> str:
        """SHA-256 of names, sizes and versions, equal to `digest_files` but five times as fast.

        Raises:
            DataError: a file is missing, listed twice, or outside the folder.
        """
        hasher = hashlib.sha256()
        if len(set(self.names)) < len(self.names):
            twice = next(name for name, times in Counter(self.names).items() if times > 1)
            raise DataError(f"{self.listed_in}: image {twice} is listed twice")
        for name in self.names:
            if name.startswith("/") or ".." in name:
                inside(self.folder, name)
            try:
                size = os.stat(os.path.join(self.folder, name)).st_size
            except (OSError, ValueError) as error:  # ValueError: a zero byte in a name
                raise DataError(f"there is no image {self.folder / name}, which {self.listed_in} lists") from error
            hasher.update(os.fsencode(f"{name} {size}\n"))
        hasher.update(written_versions(*versions))
        return hasher.hexdigest()


class _ImageFiles:
    """Images of some splits. `digest` covers the files in their order and `more`: labels, captions, class names.

    `version` must be raised when a set's code changes its result for the same files.
    """

    version = 1

    def __init__(self, splits: Mapping[str, SplitFiles], *more: object) -> None:
        self.splits = splits
        self._contents = {split: files.digest(decode.VERSION, self.version) for split, files in splits.items()}
        self.digest = digest_of(list(self._contents.items()), *more)

    def content(self, split: str) -> str:
        """Digest of the images of one split."""
        return self._contents.get(split, "")

    def size(self, split: str) -> int:
        """Number of images of a split, 0 for one that does not exist."""
        return len(self.splits[split].names) if split in self.splits else 0

    def image(self, split: str, index: int) -> NDArray[np.uint8]:
        """uint8 `[H,W,3]`, or `[H,W,4]` with transparency, not rotated by EXIF: published results did not either."""
        check_index(split, index, self.size(split))
        files = self.splits[split]
        return np.asarray(decode.read_image(files.folder / files.names[index], upright=False))


class LabelledFiles(_ImageFiles):
    """A `LabelledSet` of files. `labels` has one for each image of each split; `real` all correct ones where known."""

    def __init__(
        self,
        classes: Sequence[str],
        splits: Mapping[str, SplitFiles],
        labels: Mapping[str, Sequence[int] | NDArray[np.int64]],
        real: Mapping[str, Sequence[tuple[int, ...]]] | None = None,
    ) -> None:
        self.classes = tuple(classes)
        self._labels = {split: np.asarray(of, np.int64) for split, of in labels.items()}
        self._real = dict(real or {})
        digests = [(split, hashlib.sha256(of.tobytes()).hexdigest()) for split, of in self._labels.items()]
        super().__init__(splits, self.classes, digests, self._real)

    def content(self, split: str) -> str:
        """Digest of the images of one split, their labels of either kind, and the number of classes."""
        labels = hashlib.sha256(self.labels(split).tobytes()).hexdigest()
        return digest_of(super().content(split), labels, self.relabelled(split), len(self.classes))

    def labels(self, split: str) -> NDArray[np.int64]:
        """int64 `[size]`."""
        return self._labels.get(split, np.zeros(0, np.int64))

    def relabelled(self, split: str) -> Sequence[tuple[int, ...]] | None:
        """All correct labels of each image, for a relabelled split; else None."""
        return self._real.get(split)


class CaptionedFiles(_ImageFiles):
    """A `CaptionedSet` of files; `captions` are by language."""

    def __init__(self, files: SplitFiles, captions: Mapping[str, Sequence[Caption]]) -> None:
        self.languages = tuple(captions)
        self._captions = captions
        super().__init__({"test": files}, captions)

    def content(self, split: str) -> str:
        """Digest of the images with their captions."""
        return self.digest if split == "test" else super().content(split)

    def captions(self, language: str) -> Sequence[Caption]:
        """All captions in a language, in the order of their images; none for an unknown language."""
        return self._captions.get(language, ())


def digest_of(*values: object) -> str:
    """SHA-256 of the `repr` of plain values."""
    return hashlib.sha256(repr(values).encode(errors="backslashreplace")).hexdigest()


def check_index(split: str, index: int, size: int) -> None:
    """Raise DataError for an index outside the split."""
    if not 0 <= index < size:
        raise DataError(f"the {split} split has {size} images, so there is no index {index}")
