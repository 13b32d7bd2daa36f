"""Videos as users have them: the path of a file, whose frames are the images of a prompt."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pali3kit.data.video.clip import Clip
from pali3kit.data.video.decode import read_frames
from pali3kit.data.video.sampling import FrameSampling, Rule

ENDINGS = (".mp4", ".mkv", ".webm", ".avi", ".mov", ".m4v", ".flv", ".ts", ".mpg", ".mpeg", ".wmv", ".ogv")
"""Of the files that are taken for videos."""


@dataclass(frozen=True, eq=False)
class VideoFrame:
    """A frame that is decoded when it is needed; `read` gives it as the content of an image file."""

    read: Callable[[], bytes]


def is_video(image: object) -> bool:
    """Whether this is the path of a video, by its ending."""
    return isinstance(image, str | os.PathLike) and os.fspath(image).lower().endswith(ENDINGS)


def prompt_frames(path: str | os.PathLike[str]) -> list[VideoFrame]:
    """The 16 frames of a video that are read for a prompt, in the middles of equal parts of its time."""
    file = Path(os.path.abspath(os.path.expanduser(path)))
    return [VideoFrame(read) for read in Clip(file.parent, (file.name,), FrameSampling()).images()]


def video_frames(
    path: str | os.PathLike[str],
    *,
    frames: int = 16,
    sampling: Rule = "middles",
    stride: int = 1,
    start: float | None = None,
    end: float | None = None,
) -> list[NDArray[np.uint8]]:
    """Frames of a video, uint8 `[H,W,3]` each, which can be given to all methods in the place of several images.

    Args:
        path: of the file.
        frames: how many.
        sampling: `middles`, `ends` or `stride` (`data.video.sampling.FrameSampling`).
        stride: of that rule, in frames.
        start: of the segment that they are taken from, in seconds.
        end: of the segment.

    Raises:
        DataError: the file cannot be read, or the segment is not in it.
    """
    return read_frames(Path(path).expanduser(), FrameSampling(frames, sampling, stride), start, end)
