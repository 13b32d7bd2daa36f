"""The files that a URL names."""

from __future__ import annotations

import re

from pali3kit.errors import DataError
from pali3kit.storage.paths import hidden, relative_to
from pali3kit.storage.remote import RemotePath

_MAGIC = re.compile(r"[*?\[]")


def remote_files(url: str, ending: str | tuple[str, ...]) -> list[RemotePath]:
    """The file, those that match a pattern, or, of a folder, the visible ones below it with an ending, sorted.

    Raises DataError where there is none.
    """
    path = RemotePath(url)
    if _MAGIC.search(url):
        found = path.matches()
    elif is_file_url(url):
        found = [path] if path.exists() else []
    else:
        visible = (file for file in path.files() if not any(map(hidden, relative_to(file, path).parts)))
        found = [file for file in visible if file.name.endswith(ending)]
    if not found:
        raise DataError(f"there is no file {path}")
    return found


def is_file_url(url: str) -> bool:
    """Whether a URL is a file's: its name has a dot, no `/` ends it, and no server says that it is a folder's."""
    path = RemotePath(url)
    return bool(path.suffix) and not url.endswith("/") and not path.is_dir()
