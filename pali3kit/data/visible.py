"""The files of a folder without those that operating systems and programs leave in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pali3kit.errors import DataError
from pali3kit.storage.paths import hidden, relative_to
from pali3kit.storage.remote import AnyPath, RemotePath


def files_below(root: AnyPath) -> Sequence[AnyPath]:
    """All files below `root`, sorted, without hidden ones; links to folders are followed, each folder once."""
    if isinstance(root, RemotePath):
        return [file for file in root.files() if not any(map(hidden, relative_to(file, root).parts))]
    return sorted(Path(folder, name) for folder, names in walk(root) for name in names)


def walk(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Every folder from `root` down, sorted, with the sorted names of its files; hidden ones are left out.

    Links to folders are followed; each folder comes once.

    Raises:
        DataError: a folder cannot be read; its files would be missing silently.
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
    """Raise DataError, except for a folder that does not exist, which is empty."""
    if not isinstance(error, FileNotFoundError):
        raise DataError(f"{error.filename}: {error.strerror}") from error
