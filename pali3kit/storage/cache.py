"""Copies of files behind URLs in a folder of this machine: annotations, tables, texts and indexes are read whole."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from pali3kit.config.paths import protocol
from pali3kit.config.urls import WEB
from pali3kit.durable import partial_name, publish_file, removed_on_failure, write_atomically
from pali3kit.errors import DataError, StorageError, counted
from pali3kit.storage.remote import CONNECTIONS, AnyPath, RemotePath, lexical
from pali3kit.storage.systems import attempt, open_system

_LOGGER = logging.getLogger("pali3kit")
VARIABLE = "PALI3KIT_CACHE"


def cache_folder() -> Path:
    """The folder of copies: of the environment variable `PALI3KIT_CACHE`, else `pali3kit` in the user's cache."""
    if given := os.environ.get(VARIABLE):
        return Path(given).expanduser().absolute()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser().absolute() / "pali3kit"


def local_copy(remote: RemotePath) -> Path:
    """A copy of a remote file, fetched where there is none yet or the file has changed since, by size and version.

    Several processes fetch it once. Raises FileNotFoundError where there is no such file, StorageError where it cannot
    be read.
    """
    return local_copies([remote])[0]


def local_copies(remote: Sequence[RemotePath]) -> list[Path]:
    """`local_copy` of each, several at the same time."""
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        absent = [file for file, there in zip(remote, pool.map(_is_current, remote), strict=True) if not there]
        if absent:
            what = str(absent[0]) if len(absent) == 1 else f"{absent[0].parent}: {counted(len(absent), 'file')}"
            size = sum(file.size for file in absent) / 1e6
            _LOGGER.warning("%s: fetching %.1f MB to %s", what, size, place_of_copy(absent[0]))
        list(pool.map(_copy, absent))
    return [*map(place_of_copy, remote)]


def place_of_copy(remote: RemotePath) -> Path:
    """Where the copy of a remote file, or of those of a folder, is in the cache.

    Raises DataError for a name that would lead out of it.
    """
    name = origin(remote)[1:]
    if ".." in name.split("/") or "\0" in name:
        raise DataError(f"{remote}: a name that leads out of its folder")
    return cache_folder() / name


def _is_current(remote: RemotePath) -> bool:
    file, note = _file_and_note(remote)
    return file.is_file() and note.is_file() and note.read_text(encoding="utf-8") == _version(remote)


def _copy(remote: RemotePath) -> None:
    file, note = _file_and_note(remote)
    with locked(file):
        if not _is_current(remote):  # no other process has copied it meanwhile
            note.unlink(missing_ok=True)
            _fetch(remote, file)
            write_atomically(note, _version(remote).encode())


def _file_and_note(remote: RemotePath) -> tuple[Path, Path]:
    """The place of a copy, and that of the version that it has."""
    file = place_of_copy(remote)
    return file, file.with_name(f".{file.name}.version")


def _version(remote: RemotePath) -> str:
    return f"{remote.size} {remote.version}"


def origin(path: AnyPath) -> str:
    """`lexical` of a path, and of a copy that of its URL, so that names do not depend on where copies are.

    Addresses of the web have names of files percent-encoded; here they are as on a disk, as those of copies are.
    """
    if isinstance(path, RemotePath):
        return unquote(lexical(path)) if protocol(path.url) in WEB else lexical(path)
    folder = cache_folder()
    return f"/{path.relative_to(folder)}" if path.is_relative_to(folder) else lexical(path)


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Make the folder of a file, and wait until no other process is writing the file, where locks work."""
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file.with_name(f".{file.name}.lock"), os.O_RDWR | os.O_CREAT, 0o644)
    try:
        with suppress(OSError):  # without locks, each process writes a file of its own and renames it
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _fetch(remote: RemotePath, file: Path) -> None:
    system, path = open_system(remote.url)
    partial = partial_name(file)
    with removed_on_failure(partial):
        attempt(remote.url, lambda: system.get_file(path, str(partial)))
        if (found := partial.stat().st_size) != remote.size:
            raise StorageError(f"{remote}: {found} of {remote.size} bytes came: run the same command again")
        publish_file(partial, file)
