"""What readers of videos with captions or questions share."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pali3kit.data.reader import require_path
from pali3kit.data.readers.skipped import SkippingFiles, valid_or_raise
from pali3kit.data.record import Asked, Record
from pali3kit.data.video.clip import Clip
from pali3kit.data.video.decode import VERSION
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.data.video.tars import VideoTars, videos_in
from pali3kit.errors import DataError

ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".flv", "")
"""Of a video that an annotation names without its ending; without one it is a folder of frames."""


class VideoEntry(NamedTuple):
    """A clip with its English captions or one question; `name` is what errors call it.

    `files` are the names that its video may have, and `start` and `end` its segment in seconds.
    """

    name: str
    files: tuple[str, ...]
    captions: tuple[str, ...] = ()
    question: Asked | None = None
    start: float | None = None
    end: float | None = None
    id: int | str | None = None


class VideoReader(SkippingFiles):
    """Each record has as many images as `sampling` has frames.

    Args:
        path: the file of annotations.
        videos: the folder of the videos, or tars that they are in (`data.video.tars`).
        sampling: which frames are read.
        others: further files of annotations.
    """

    version = VERSION

    def __init__(self, path: str, videos: str, sampling: FrameSampling, *others: Path) -> None:
        super().__init__(require_path(path), *others)
        self.path, self.videos, self.sampling = self.files[0], videos_in(videos), sampling

    @property
    @abstractmethod
    def entries(self) -> Sequence[VideoEntry | DataError]:
        """The clips of the split; a DataError in place of a malformed one."""
        ...

    @property
    def damages(self) -> Sequence[str]:
        return [*super().damages, *(self.videos.damages if isinstance(self.videos, VideoTars) else ())]

    @cached_property
    def image_counts(self) -> np.ndarray | None:
        frames = self.sampling.frames
        return np.full(len(self), frames) if frames > 1 else None

    def __len__(self) -> int:
        return len(self.entries)

    def record(self, number: int) -> Record:
        entry = valid_or_raise(self.entries[number])
        read_image, *more = Clip(self.videos, entry.files, self.sampling, entry.start, entry.end).images()
        return Record(
            entry.name,
            read_image,
            captions={"en": entry.captions},
            questions=() if entry.question is None else (entry.question,),
            more_images=tuple(more),
            id=entry.id,
        )


def with_endings(name: str) -> tuple[str, ...]:
    """The names that the video called `name` may have."""
    return tuple(f"{name}{ending}" for ending in ENDINGS)
