"""The file that a process is reading, noted where its parent can read it: a decoder that crashes kills its process."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from contextlib import contextmanager

_LENGTH = 4096  # bytes of a name
_note: mmap.mmap | None = None


def create_notes(count: int) -> list[mmap.mmap]:
    """Empty notes, in memory that processes share which are forked later."""
    return [mmap.mmap(-1, _LENGTH) for _ in range(count)]


def use_note(note: mmap.mmap) -> None:
    """Note what this process reads from now on."""
    global _note
    _note = note


def noted(note: mmap.mmap) -> str:
    """The file that the process with this note is reading; "" for none."""
    return note[:].rstrip(b"\0").decode(errors="replace")


@contextmanager
def noting_read(name: str) -> Iterator[None]:
    """Note a file while it is read. Does nothing in a process without a note."""
    _write(name)
    try:
        yield
    finally:
        _write("")


def _write(name: str) -> None:
    if _note is not None:
        _note[:] = name.encode(errors="replace")[:_LENGTH].ljust(_LENGTH, b"\0")
