"""The files that a URL names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

from pali3kit.errors import DataError
from pali3kit.storage.remote import CONNECTIONS, RemotePath

_MAGIC = re.compile(r"[*?\[]")


def remote_files(url: str, ending: str | tuple[str, ...]) -> list[RemotePath]:
    """The file, those that match a pattern, or, of a folder, those below it with an ending, sorted.

    A name with a dot is a file's, unless its server says that it is a folder's, or `/` ends the URL. Raises DataError
    where there is none.
    """
    path = RemotePath(url)
    if _MAGIC.search(url):
        found = path.matches()
    elif path.suffix and not url.endswith("/") and not path.is_folder():
        found = [path] if path.exists() else []
    else:
        found = [file for file in path.files() if file.name.endswith(ending)]
    if not found:
        raise DataError(f"there is no file {path}")
    return found


def absent_files(files: Iterable[RemotePath]) -> list[RemotePath]:
    """Those that do not exist. Their sizes are asked for at the same time, and kept."""
    files = list(files)
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        return [file for file, there in zip(files, pool.map(RemotePath.exists, files), strict=True) if not there]
