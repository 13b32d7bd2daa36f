"""The frames of a clip as the images of a record: of a video, in a file or a tar, or of a folder of image files."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import NamedTuple

from pali3kit.data.reader import SPELLINGS
from pali3kit.data.video.decode import FilePart, read_frames
from pali3kit.data.video.sampling import FrameSampling
from pali3kit.data.video.tars import VideoTars
from pali3kit.errors import DataError
from pali3kit.images.decode import read_bytes
from pali3kit.images.ppm import ppm
from pali3kit.storage.cache import local_copy
from pali3kit.storage.paths import hidden, inside
from pali3kit.storage.remote import AnyPath, RemotePath, lexical

_DIGITS = re.compile(r"(\d+)")


class Clip(NamedTuple):
    """A video, or a segment of it in seconds, and which of its frames are read.

    `names` are those that its file or its folder of frames may have in `folder`; the first that exists is read.
    """

    folder: AnyPath | VideoTars
    names: tuple[str, ...]
    sampling: FrameSampling
    start: float | None = None
    end: float | None = None

    def images(self) -> tuple[Callable[[], bytes], ...]:
        """What reads the frames, each as the content of an image file. They raise DataError."""
        return tuple(partial(_frame, self, number) for number in range(self.sampling.frames))


def _frame(clip: Clip, number: int) -> bytes:
    found = _frames(clip)
    if isinstance(found, DataError):
        raise DataError(str(found))
    frame = found[number]
    return frame if isinstance(frame, bytes) else read_bytes(frame)


@lru_cache(1)
def _frames(clip: Clip) -> Sequence[bytes | AnyPath] | DataError:
    """The frames of the last clip, which are read one after another; or why it has none, which is not tried again."""
    try:
        found = _find(clip.folder, clip.names)
        if not isinstance(found, FilePart) and found.is_dir():
            return _of_folder(found, clip)
        if isinstance(found, RemotePath):
            found = local_copy(found)
        return [ppm(frame) for frame in read_frames(found, clip.sampling, clip.start, clip.end)]
    except DataError as error:
        return error
    except OSError as error:
        return DataError(f"{clip.folder}/{clip.names[0]}: {error.strerror}")


def _find(folder: AnyPath | VideoTars, names: Sequence[str]) -> AnyPath | FilePart:
    for name in dict.fromkeys(spelt for spell in SPELLINGS for spelt in map(spell, names)):
        if found := folder.find(name) if isinstance(folder, VideoTars) else _in_folder(folder, name):
            return found
    others = f", or under {len(names) - 2} other names" if len(names) > 2 else ""
    raise DataError(f"{folder}: there is no video {' or '.join(names[:2])}{others}")


def _in_folder(folder: AnyPath, name: str) -> AnyPath | None:
    path = inside(folder, name)
    return path if "\0" not in name and path.exists() else None


def _of_folder(path: AnyPath, clip: Clip) -> list[AnyPath]:
    """The files of frames in a folder by the numbers in their names, as if each was shown equally long."""
    if clip.start is not None or clip.end is not None:
        raise DataError(f"{path}: a folder of frames has no time stamps: a segment needs the video's file")
    found = sorted((file for file in _files_in(path) if not hidden(file.name)), key=_by_number)
    if not found:
        raise DataError(f"{path}: there is no frame in the folder")
    return [found[index] for index in clip.sampling.choose(range(len(found)), 0, len(found))]


def _files_in(folder: AnyPath) -> list[AnyPath]:
    """The files of a folder, without those of folders in it."""
    if isinstance(folder, RemotePath):
        return [file for file in folder.files() if lexical(file.parent) == lexical(folder)]
    return [file for file in folder.iterdir() if file.is_file()]


def _by_number(file: AnyPath) -> tuple[list[int], str]:
    return [int(digits) for digits in _DIGITS.findall(file.name)], file.name
