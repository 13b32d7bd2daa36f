"""Pictures in files as sets: with a class each, or with captions. What a layout's reader has found is put in here."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.reader import inside
from pali3kit.data.records import written_versions
from pali3kit.data.sets.contract import Caption
from pali3kit.errors import DataError
from pali3kit.images import decode


@dataclass(frozen=True)
class Pictures:
    """The pictures of a split: paths relative to `folder`, as texts (a million `Path`s would be a gigabyte).

    `told_by` is the file or folder that says that they are there.
    """

    folder: Path
    names: Sequence[str]
    told_by: Path

    def digest(self, *versions: int) -> str:
        """SHA-256 of names, sizes and versions, like `digest_files`, five times as fast. Raises DataError for a gap."""
        hasher = hashlib.sha256()
        if len(set(self.names)) < len(self.names):
            twice = next(name for name, times in Counter(self.names).items() if times > 1)
            raise DataError(f"{self.told_by}: picture {twice} stands in it twice")
        for name in self.names:
            if name.startswith("/") or ".." in name:
                inside(self.folder, name)
            try:
                size = os.stat(os.path.join(self.folder, name)).st_size
            except (OSError, ValueError) as error:  # ValueError: a zero byte in a name
                raise DataError(f"there is no picture {self.folder / name}, which {self.told_by} names") from error
            hasher.update(os.fsencode(f"{name} {size}\n"))
        hasher.update(written_versions(*versions))
        return hasher.hexdigest()


class PictureFiles:
    """Pictures of some splits, and a digest of them in their order and of `told`, whatever else the set says.

    `version` is raised when a set's code changes what it makes of the same files.
    """

    version = 1

    def __init__(self, splits: Mapping[str, Pictures], *told: object) -> None:
        self.splits = splits
        self._contents = {split: pictures.digest(decode.VERSION, self.version) for split, pictures in splits.items()}
        self.digest = digest_of(list(self._contents.items()), *told)

    def content(self, split: str) -> str:
        """What names the pictures of a split alone."""
        return self._contents.get(split, "")

    def size(self, split: str) -> int:
        """How many pictures a split has: none in one that there is not."""
        return len(self.splits[split].names) if split in self.splits else 0

    def image(self, split: str, index: int) -> NDArray[np.uint8]:
        """uint8 `[H,W,3]`, or `[H,W,4]` with transparency, as it is stored: what is published was measured so."""
        check_index(split, index, self.size(split))
        pictures = self.splits[split]
        return np.asarray(decode.read(pictures.folder / pictures.names[index], upright=False))


class LabelledFiles(PictureFiles):
    """A `LabelledSet` of files: `labels` has one for each picture of each split, `real` all right ones where known."""

    def __init__(
        self,
        classes: Sequence[str],
        splits: Mapping[str, Pictures],
        labels: Mapping[str, Sequence[int] | NDArray[np.int64]],
        real: Mapping[str, Sequence[tuple[int, ...]]] | None = None,
    ) -> None:
        self.classes = tuple(classes)
        self._labels = {split: np.asarray(of, np.int64) for split, of in labels.items()}
        self._real = dict(real or {})
        told = [(split, hashlib.sha256(of.tobytes()).hexdigest()) for split, of in self._labels.items()]
        super().__init__(splits, self.classes, told, self._real)

    def content(self, split: str) -> str:
        """What names the pictures of a split alone, with their labels, all right ones, and the number of classes."""
        labels = hashlib.sha256(self.labels(split).tobytes()).hexdigest()
        return digest_of(super().content(split), labels, self.relabelled(split), len(self.classes))

    def labels(self, split: str) -> NDArray[np.int64]:
        """int64 `[size]`."""
        return self._labels.get(split, np.zeros(0, np.int64))

    def relabelled(self, split: str) -> Sequence[tuple[int, ...]] | None:
        """All right labels of each picture, where somebody looked again."""
        return self._real.get(split)


class CaptionedFiles(PictureFiles):
    """A `CaptionedSet` of files: `captions` by language, in the order of the languages."""

    def __init__(self, pictures: Pictures, captions: Mapping[str, Sequence[Caption]]) -> None:
        self.languages = tuple(captions)
        self._captions = captions
        super().__init__({"test": pictures}, captions)

    def content(self, split: str) -> str:
        """What names the pictures with their captions."""
        return self.digest if split == "test" else super().content(split)

    def captions(self, language: str) -> Sequence[Caption]:
        """All captions in a language, in the order of their pictures: none in one that there is not."""
        return self._captions.get(language, ())


def digest_of(*told: object) -> str:
    """SHA-256 of plain values, as Python writes them."""
    return hashlib.sha256(repr(told).encode(errors="backslashreplace")).hexdigest()


def check_index(split: str, index: int, size: int) -> None:
    """Raises DataError for a picture that there is not."""
    if not 0 <= index < size:
        raise DataError(f"the {split} split has {size} pictures, so none is number {index}")
