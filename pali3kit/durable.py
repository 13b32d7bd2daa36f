"""Files that are whole or not there: after a kill, a full disk, and a machine that loses its power."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

CHUNK = 1 << 20  # bytes
FULL = (errno.ENOSPC, errno.EDQUOT)
UNABLE = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)  # said by file systems, often of a network, that cannot do it


def write(path: Path, data: bytes) -> None:
    """Write a file at once, so that a reader or a kill never meets half of it.

    Raises OSError, which names the file; nothing unfinished is left.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with removed_on_failure(partial):
            partial.write_bytes(data)
            publish(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


@contextmanager
def removed_on_failure(unfinished: Path) -> Iterator[None]:
    """While a file is written: where that fails, a disk that is full gets its room back."""
    try:
        yield
    except Exception:
        unfinished.unlink(missing_ok=True)
        raise


def publish(partial: Path, path: Path) -> None:
    """Write `partial` through to the disk and rename it: the name never leads to bytes that were not written."""
    sync(partial)
    os.replace(partial, path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Write a file, or the names in a folder, through to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNABLE:
            raise
    finally:
        os.close(descriptor)


def reserve(file: BufferedIOBase, start: int, end: int) -> None:
    """Take room for a file's bytes from `start` to `end`, zeros, at once: a disk that is too full says so here, where a
    page of a memory-mapped file that finds no room later would kill the process.
    """
    file.flush()
    if start == end:
        return
    try:
        os.posix_fallocate(file.fileno(), start, end - start)
        return
    except AttributeError:  # macOS has none
        pass
    except OSError as error:  # nor have some file systems
        if error.errno not in UNABLE:
            raise
    file.seek(start)
    while start < end:
        start += file.write(bytes(min(CHUNK, end - start)))
    file.flush()


def digest(*paths: Path) -> str:
    """The sha256 of a file, or of the bytes of several files one after the other, in 64 hexadecimal digits."""
    hasher = hashlib.sha256()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while block := file.read(CHUNK):
                hasher.update(block)
    return hasher.hexdigest()


def remove_partials(folder: Path) -> None:
    """Remove what processes of this machine left of files when they were killed in `write`."""
    for path in folder.glob("*.*.partial"):
        number = path.name.split(".")[-2]
        if number.isdigit() and not _lives(int(number)):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:  # somebody else's
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True


def full(error: BaseException) -> bool:
    """Whether a disk had no room left, whichever library says so."""
    return getattr(error, "errno", None) in FULL or "No space left on device" in str(error)
