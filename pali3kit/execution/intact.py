"""Whether the files of artifacts are to the byte what was written."""

from __future__ import annotations

import os
from pathlib import Path

from pali3kit.durable import digest
from pali3kit.execution.manifest import DIGESTS, LARGE, Manifest


def missized(folder: Path, manifest: Manifest) -> str | None:
    """Say which file of an artifact is absent or has another size, or None."""
    for name, size in manifest["files"].items():
        path = folder / name
        if not os.path.isfile(path):  # which, unlike Path's, says so of a name that no file can have
            return f"{path} is missing"
        if (found := path.stat().st_size) != size:
            return f"{path} has {found} bytes instead of {size}"
    return None


def changed(folder: Path, manifest: Manifest, full: bool = False) -> str | None:
    """Say which file of an artifact, whose sizes are right, has other bytes, or None.

    A file of more than 1 GiB that is as old as it was is not read, unless `full` is wanted.
    """
    modified = manifest.get("modified", {})
    for name, expected in manifest.get(DIGESTS, {}).items():
        path = folder / name
        try:
            state = path.stat()
            trusted = state.st_size > LARGE and state.st_mtime_ns == modified.get(name) and not full
            if not trusted and digest(path) != expected:
                return f"{path} has other bytes than were written: its sha256 differs"
        except OSError as error:
            return f"{path} cannot be read ({error.strerror})"
    return None
