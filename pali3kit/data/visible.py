"""What lies below a folder, without what systems and programs leave there beside people's own files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from pali3kit.errors import DataError

LEFT = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
"""Folders that macOS, Synology, Windows and Linux make: thumbnails, shadows of files, what was thrown away."""


def hidden(name: str) -> bool:
    """Whether a file or folder is none of the data: `.ipynb_checkpoints`, `._1.jpg`, `__MACOSX`."""
    return name.startswith(".") or name in LEFT


def walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Every folder below, the root included, sorted, with the names of its files, sorted; hidden ones are left out.

    Also through links to folders, as they are where disks are small; each folder once.

    Raises:
        DataError: a folder cannot be read: what is in it would be missed by nobody.
    """
    seen = set()
    for folder, below, names in os.walk(root, onerror=_refuse, followlinks=True):
        below[:] = sorted(name for name in below if not hidden(name))
        real = os.path.realpath(folder)
        if real in seen:
            below.clear()
            continue
        seen.add(real)
        yield folder, sorted(name for name in names if not hidden(name))


def _refuse(error: OSError) -> None:
    """What is not there has nothing in it."""
    if not isinstance(error, FileNotFoundError):
        raise DataError(f"{error.filename}: {error.strerror}") from error
