"""What files on this machine and files behind URLs have in common."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path, PurePath, PurePosixPath
from typing import overload
from urllib.parse import quote

from pali3kit.config.paths import protocol
from pali3kit.config.urls import WEB
from pali3kit.errors import DataError
from pali3kit.storage.cache import local_copy, origin
from pali3kit.storage.remote import CONNECTIONS, AnyPath, RemotePath, lexical

MOST_SPAN = 1 << 22  # bytes of a remote file: so many are read at once, as neighbours of what is asked for


def size_of(file: AnyPath) -> int:
    """In bytes."""
    return file.size if isinstance(file, RemotePath) else file.stat().st_size


def size_and_version(file: AnyPath) -> tuple[int, str]:
    """What changes with the content of a file."""
    if isinstance(file, RemotePath):
        return file.size, file.version
    found = file.stat()
    return found.st_size, f"mtime {found.st_mtime_ns}"


def sizes_and_versions(files: Sequence[AnyPath]) -> list[tuple[int, str]]:
    """`size_and_version` of each, asked for at the same time."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return list(pool.map(size_and_version, files))


def file_here(file: AnyPath) -> Path:
    """The file, or of one behind a URL its copy in the cache."""
    return local_copy(file) if isinstance(file, RemotePath) else file


def folder_here(folder: AnyPath, why: str) -> Path:
    """The folder. Raises DataError, which says why, for one behind a URL."""
    if isinstance(folder, RemotePath):
        raise DataError(f"{folder}: {why}: copy it to this machine")
    return folder


@overload
def inside(folder: Path, name: str) -> Path: ...


@overload
def inside(folder: AnyPath, name: str) -> AnyPath: ...


def inside(folder: AnyPath, name: str) -> AnyPath:
    """The path of `name` in `folder`. Raises DataError where the name leads out of the folder."""
    root = lexical(folder) if isinstance(folder, RemotePath) else os.path.abspath(folder)
    path = os.path.normpath(os.path.join(root, name))
    if not path.startswith(os.path.join(root, "")):
        raise DataError(f"{folder}: {name!r} is no file in it")
    if not isinstance(folder, RemotePath):
        return Path(path)
    below = os.path.relpath(path, root)
    return folder / (quote(below) if protocol(folder.url) in WEB else below)


def relative_to(file: AnyPath, folder: AnyPath) -> PurePath:
    """The path of a file below a folder, as on a disk."""
    return PurePosixPath(origin(file)).relative_to(origin(folder))


def read_start(file: AnyPath, most: int) -> bytes:
    """The first bytes of a file, or all of one that is not so long.

    Raises OSError also for pipes and devices, which may block or never end.
    """
    if isinstance(file, RemotePath):
        return file.read(0, most)
    mode = file.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):  # a folder is refused as it is opened
        raise OSError(errno.EINVAL, "it is a pipe, socket or device, not a file")
    with file.open("rb") as opened:
        return opened.read(most)


def read_part(file: AnyPath, start: int, length: int, around: tuple[int, int]) -> bytes:
    """Bytes of a file. Behind a URL all from the first to the end of what is `around` is asked for at once and kept for
    the next call, unless that is more than `MOST_SPAN`.
    """
    if not isinstance(file, RemotePath):
        with file.open("rb") as opened:
            opened.seek(start)
            return opened.read(length)
    first, end = around
    if end - first > MOST_SPAN:
        return file.read(start, length)
    return _read_span(file, first, end)[start - first : start - first + length]


@lru_cache(2)
def _read_span(file: RemotePath, first: int, end: int) -> bytes:
    """Bytes of a file; kept, since the text and the image of a sample are read one after the other."""
    return file.read(first, end - first)


LEFT = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
"""Folders that macOS, Synology, Windows and Linux make: resource forks, thumbnails, recycle bins."""


def hidden(name: str) -> bool:
    """Whether a file or folder does not belong to the data: `.ipynb_checkpoints`, `._1.jpg`, `__MACOSX`."""
    return name.startswith(".") or name in LEFT
