"""Exclusive locks by files: `flock`, or where a file system refuses it, a lease.

A `flock` is released when its process dies. A lease is a file that exists: its owner creates it with `O_EXCL` and
touches it at intervals; after `LEASE_SECONDS` without a touch another process takes it over. Times are those of the
file system, so that clocks of machines may differ.
"""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

LEASE_SECONDS = 60.0
"""After which a lease that nobody touches counts as left behind."""
LEASE_LOST = os.EX_TEMPFAIL
"""The exit code of a process whose lease another one has taken over, 75: try again later."""
_TOUCHES = 6  # in that time
_REFUSED = (errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.ENOLCK)


@contextmanager
def exclusive(file: Path) -> Iterator[bool]:
    """Try to lock for this process what `file` stands for; yields False if another process has it.

    Nothing is left behind. Raises OSError where the folder cannot be written.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        except OSError as error:
            if error.errno not in _REFUSED:
                raise
            file.unlink(missing_ok=True)
            with _lease(file.with_suffix(".lease")) as mine:
                yield mine
            return
        if not _is_same(descriptor, file):  # its last owner removed it between our open and our lock
            yield False
            return
        try:
            yield True
        finally:
            file.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


def _is_same(descriptor: int, file: Path) -> bool:
    try:
        return os.fstat(descriptor).st_ino == file.stat().st_ino
    except FileNotFoundError:
        return False


@contextmanager
def _lease(file: Path) -> Iterator[bool]:
    """Hold a lease file; yields False while another process holds it."""
    token = f"{platform.node()} {os.getpid()} {uuid.uuid4().hex}"
    if not (_create(file, token) or _take_over(file, token)):
        yield False
        return
    ended = threading.Event()
    thread = threading.Thread(target=_touch, args=(file, token, ended), daemon=True)
    thread.start()
    try:
        yield True
    finally:
        ended.set()
        thread.join()
        if _owner(file) == token:
            file.unlink(missing_ok=True)


def _create(file: Path, token: str) -> bool:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(descriptor, "w", encoding="utf-8") as lease:
        lease.write(token)
    return True


def _take_over(file: Path, token: str) -> bool:
    """Replace a lease that was left behind. Of several processes one may: it holds a second lease meanwhile, whose name
    says when the first was touched last, so that it stands for no other; left behind itself, it is replaced likewise.
    """
    if (since := _left_since(file)) is None:
        return False
    guard = file.with_suffix(f".{since}.takeover")
    if not (_create(guard, token) or _take_over(guard, token)):
        return False
    try:
        if _left_since(file) != since:
            return False
        file.unlink(missing_ok=True)
        return _create(file, token)
    finally:
        if _owner(guard) == token:
            guard.unlink(missing_ok=True)


def _touch(file: Path, token: str, ended: threading.Event) -> None:
    """Keep a lease until `ended`. If another process has taken it over, since this one stood still, end the process at
    once: both would write to the same folder.
    """
    while not ended.wait(LEASE_SECONDS / _TOUCHES):
        with suppress(OSError):  # a file system that is gone for a moment: try again
            owner = _owner(file)
            if owner != token:
                print(f"{file}: taken over by {owner or 'nobody'}, as it was not touched", file=sys.stderr, flush=True)
                os._exit(LEASE_LOST)
            os.utime(file)


def _owner(file: Path) -> str:
    """The token in a lease; "" where there is none."""
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def _left_since(file: Path) -> int | None:
    """When a lease was touched last, in nanoseconds; None unless that is longer ago than a lease lasts, by the clock of
    its file system.
    """
    probe = file.with_suffix(f".{uuid.uuid4().hex}")
    try:
        probe.touch()
        now, touched = probe.stat().st_mtime_ns, file.stat().st_mtime_ns
        return touched if now - touched > LEASE_SECONDS * 1e9 else None
    except FileNotFoundError:
        return None
    finally:
        probe.unlink(missing_ok=True)
