"""Copies of files behind URLs in a folder of this machine: annotations, tables, texts and indexes are read whole."""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote

from pali3kit.config.urls import WEB
from pali3kit.durable import partial_name, publish_file, removed_on_failure, write_atomically
from pali3kit.errors import StorageError
from pali3kit.storage.remote import AnyPath, RemotePath, lexical
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
    file = cache_folder() / lexical(remote)[1:]
    note = file.with_name(f".{file.name}.version")
    version = f"{remote.size} {remote.version}"
    with locked(file):
        if not (file.is_file() and note.is_file() and note.read_text(encoding="utf-8") == version):
            _LOGGER.warning("%s: fetching %.1f MB to %s", remote, remote.size / 1e6, file)
            note.unlink(missing_ok=True)
            _fetch(remote, file)
            write_atomically(note, version.encode())
    return file


def origin(path: AnyPath) -> str:
    """`lexical` of a path, and of a copy that of its URL, so that names do not depend on where copies are.

    Addresses of the web have names of files percent-encoded; here they are as on a disk.
    """
    folder = cache_folder()
    if isinstance(path, Path) and not path.is_relative_to(folder):
        return lexical(path)
    name = f"/{path.relative_to(folder)}" if isinstance(path, Path) else lexical(path)
    return unquote(name) if name.startswith(tuple(f"/{web}/" for web in WEB)) else name


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
