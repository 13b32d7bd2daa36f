"""Files and folders behind URLs, named as those of `pathlib` are, of which ranges of bytes are read."""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import BinaryIO, TypeAlias, cast

from pali3kit.config.paths import protocol
from pali3kit.config.urls import WEB, without_secrets
from pali3kit.errors import StorageError
from pali3kit.storage.systems import attempt, open_system

BUFFER = 1 << 22  # bytes of a request when a file is read in order
CONNECTIONS = 16  # at once
VERSIONS = (
    "ETag", "etag", "md5Hash", "generation", "Content-MD5", "LastModified", "Last-Modified", "mtime", "created",
)  # fmt: skip
"""What file systems call that which changes with the content of a file, the surest first."""


class RemotePath:
    """A file or folder behind a URL.

    Raises FileNotFoundError in all that reads it, where there is none, and StorageError where it cannot be read.
    """

    def __init__(self, url: str, known: Mapping[str, object] | None = None) -> None:
        """`known` is what a listing of its folder says of it."""
        self.url = url.rstrip("/")
        if known is not None and known.get("size") is not None:
            self.__dict__["_info"] = known

    def __str__(self) -> str:
        return without_secrets(self.url)

    def __repr__(self) -> str:
        return f"RemotePath({str(self)!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RemotePath) and other.url == self.url

    def __hash__(self) -> int:
        return hash(self.url)

    def __truediv__(self, name: str) -> RemotePath:
        return RemotePath(f"{self.url}/{name}")

    @property
    def name(self) -> str:
        return self.url.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> RemotePath:
        return RemotePath(self.url.rpartition("/")[0])

    def with_suffix(self, suffix: str) -> RemotePath:
        return self.parent / PurePosixPath(self.name).with_suffix(suffix).name

    @cached_property
    def _info(self) -> Mapping[str, object]:
        """What the file system tells of it."""
        system, path = open_system(self.url)
        found: Mapping[str, object] = attempt(self.url, lambda: system.info(path))
        return found

    def exists(self) -> bool:
        try:
            return bool(self._info)
        except FileNotFoundError:
            return False

    @property
    def size(self) -> int:
        """In bytes."""
        size = self._info.get("size")
        if not isinstance(size, int):
            raise StorageError(f"{self}: its server does not say how long it is, so no part of it can be asked for")
        return size

    @property
    def version(self) -> str:
        """What changes with its content, an ETag or a time; "" where nothing is known beside its size."""
        return next((f"{name} {self._info[name]}" for name in VERSIONS if self._info.get(name)), "")

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        """`length` bytes from `start`, fewer at its end; without a length all of it."""
        if length == 0:
            return b""  # no range of HTTP has no bytes
        system, path = open_system(self.url)

        def once() -> bytes:
            if length is None:
                return cast(bytes, system.cat_file(path))
            if protocol(self.url) not in WEB:
                return cast(bytes, system.cat_file(path, start=start, end=start + length))
            # fsspec's `cat_file` takes the whole file for the range, if a server sends that
            with system.open(path, "rb", block_size=max(length, 1), cache_type="none", size=start + length) as file:
                file.seek(start)
                return cast(bytes, file.read(length))

        return attempt(self.url, once)

    def open(self, buffer: int = BUFFER) -> BinaryIO:
        """It as a file, which asks for at least `buffer` bytes at a time; 0: for what is read."""
        raw = _RangeFile(self)
        return cast(BinaryIO, io.BufferedReader(raw, buffer) if buffer else raw)

    def is_dir(self) -> bool:
        """Whether it is known to be a folder; the web has none, only pages."""
        try:
            return self._info.get("type") == "directory"
        except FileNotFoundError:
            return False

    def put(self, file: Path) -> None:
        """Write a file there. Raises StorageError where the server takes none."""
        system, path = open_system(self.url)
        attempt(self.url, lambda: system.put_file(str(file), path))

    def files(self) -> list[RemotePath]:
        """All files below it, sorted, hidden ones too; none where it is no folder."""
        system, path = open_system(self.url)
        return self._listed(attempt(self.url, lambda: system.find(path, detail=True)))

    def matches(self) -> list[RemotePath]:
        """The files that match it as a pattern (`*`, `?`, `[...]`, `**`), sorted."""
        system, path = open_system(self.url)
        return self._listed(attempt(self.url, lambda: system.glob(path, detail=True)))

    def _listed(self, found: Mapping[str, Mapping[str, object]]) -> list[RemotePath]:
        system, _ = open_system(self.url)
        own = protocol(self.url)  # fsspec would call `s3a` by its first name, `s3`
        names = {name: f"{own}://{system.unstrip_protocol(name).partition('://')[2]}" for name in found}
        files = {names[name]: info for name, info in found.items() if info.get("type") == "file"}
        return [RemotePath(url, files[url]) for url in sorted(files)]


AnyPath: TypeAlias = Path | RemotePath
"""A file or folder on this machine or behind a URL."""


class _RangeFile(io.RawIOBase):
    """A remote file, read by ranges."""

    def __init__(self, remote: RemotePath) -> None:
        self.remote, self.size, self.at = remote, remote.size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.size}[whence]
        return self.at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        count = max(0, min(len(buffer), self.size - self.at))
        data = self.remote.read(self.at, count) if count else b""
        if len(data) != count:
            raise StorageError(f"{self.remote}: {len(data)} of {count} bytes from byte {self.at} on: it has changed")
        buffer[:count] = data
        self.at += count
        return count


def lexical(path: AnyPath) -> str:
    """A path from which names relative to a folder are computed: of a URL, `/` and the URL without `://`."""
    return os.path.normpath("/" + str(path).replace("://", "/")) if isinstance(path, RemotePath) else str(path)


def open_binary(path: AnyPath) -> BinaryIO:
    """A file, opened to be read. Raises OSError also for folders, pipes and devices, which may block."""
    if isinstance(path, RemotePath):
        return path.open()
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "it is no file")
    return path.open("rb")
