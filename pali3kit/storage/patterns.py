"""The files that a URL names."""

from __future__ import annotations

import re

from pali3kit.errors import DataError
from pali3kit.storage.remote import RemotePath

_MAGIC = re.compile(r"[*?\[]")


def remote_files(url: str, ending: str | tuple[str, ...]) -> list[RemotePath]:
    """The file, those that match a pattern, or, of a folder, those below it with an ending, sorted.

    A name with a dot is a file's, unless its server says that it is a folder's, or `/` ends the URL. Raises DataError
    where there is none.
    """
    path = RemotePath(url)
    if _MAGIC.search(url):
        found = path.matches()
    elif path.suffix and not url.endswith("/") and not path.is_dir():
        found = [path] if path.exists() else []
    else:
        found = [file for file in path.files() if file.name.endswith(ending)]
    if not found:
        raise DataError(f"there is no file {path}")
    return found
