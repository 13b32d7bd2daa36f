"""Atomic, durable file writes: after a kill, a full disk or a power cut, a file is either complete or absent."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import platform
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from pathlib import Path

CHUNK = 1 << 20  # bytes
ABANDONED = 3600.0  # seconds
PARTIAL_SUFFIX = ".partial"  # the suffix of what is not written to its end
UNSUPPORTED = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)  # from (often network) file systems without the operation


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file under a temporary name and rename it, so that no reader ever sees half of it.

    Raises OSError, which names the file; the temporary file is then removed.
    """
    partial = partial_name(path)
    try:
        with removed_on_failure(partial):
            partial.write_bytes(data)
            publish_file(partial, path)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error


def partial_name(path: Path) -> Path:
    """Where this process writes what becomes `path`, beside it: processes of other nodes may have the same number."""
    return path.with_name(f"{path.name}.{platform.node()}.{os.getpid()}{PARTIAL_SUFFIX}")


@contextmanager
def removed_on_failure(unfinished: Path) -> Iterator[None]:
    """Remove `unfinished` if writing it fails, which frees its space on a full disk."""
    try:
        yield
    except Exception:
        unfinished.unlink(missing_ok=True)
        raise


def publish_file(partial: Path, path: Path) -> None:
    """Flush `partial` to the disk, then rename it to `path`: even after a power cut, `path` is complete or absent."""
    sync(partial)
    os.replace(partial, path)
    sync(path.parent)


def remove(path: Path) -> None:
    """Remove a file, or a folder with its content; nothing where there is none."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to the disk (fsync)."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in UNSUPPORTED:
            raise
    finally:
        os.close(descriptor)


def reserve(file: BufferedIOBase, start: int, end: int) -> None:
    """Allocate the bytes of a file from `start` to `end`, as zeros. A disk that is too full raises OSError here; when a
    memory-mapped file ran out of space later, SIGBUS would kill the process.
    """
    file.flush()
    if start == end:
        return
    try:
        os.posix_fallocate(file.fileno(), start, end - start)
        return
    except AttributeError:  # macOS has none
        pass
    except OSError as error:  # some file systems cannot
        if error.errno not in UNSUPPORTED:
            raise
    file.seek(start)
    while start < end:
        start += file.write(bytes(min(CHUNK, end - start)))
    file.flush()


def sha256_of(*paths: Path) -> str:
    """The sha256 of a file, or of the bytes of several files one after the other, as 64 hexadecimal digits."""
    hasher = hashlib.sha256()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while block := file.read(CHUNK):
                hasher.update(block)
    return hasher.hexdigest()


def remove_partials(folder: Path, name: str | None = None, every_process: bool = False) -> None:
    """Remove temporary files and folders, named by `partial_name`, whose processes on this node were killed, and files
    of other nodes that nobody has written to for an hour.

    Args:
        folder: where they are.
        name: of the file or folder that was being written; all by default.
        every_process: whether to remove those of other nodes and of running processes too, of which this one cannot
            tell what they write: only who holds a lock on the folder may.
    """
    written, here = "*" if name is None else glob.escape(name), f".{platform.node()}."
    for path in folder.glob(f"{written}.*.*{PARTIAL_SUFFIX}"):
        number = path.name.split(".")[-2]
        if not number.isdigit():
            continue
        ours = path.name.removesuffix(f"{number}{PARTIAL_SUFFIX}").endswith(here)
        if every_process or (not _is_running(int(number)) if ours else _is_abandoned(path)):
            remove(path)


def _is_abandoned(partial: Path) -> bool:
    """Whether a file of another node was not written to for long. Clocks of nodes may differ by some minutes."""
    try:
        return partial.is_file() and time.time() - partial.stat().st_mtime > ABANDONED
    except FileNotFoundError:  # its process has published it meanwhile
        return False


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except PermissionError:  # it belongs to another user
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
