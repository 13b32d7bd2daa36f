"""Files behind URLs of which parts are read: their blocks are kept in the cache."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from pali3kit.durable import partial_name, removed_on_failure
from pali3kit.errors import StorageError
from pali3kit.storage.cache import cache_folder
from pali3kit.storage.remote import RemotePath, lexical

BLOCK = 1 << 20  # bytes


class KeptBlocks(RemotePath):
    """A remote file whose blocks are fetched when they are first read, and then lie on this machine for all processes.

    Neighbouring blocks are one request. Those of another size or version of the file replace them.
    Raises StorageError in `read` where the file has changed since: what was read before is of another version.
    """

    def __init__(self, remote: RemotePath) -> None:
        super().__init__(remote.url, remote._info)
        version = hashlib.sha256(f"{self.size} {self.version}".encode()).hexdigest()
        self.folder = cache_folder() / f"{lexical(self)[1:]}.blocks" / version[:16]

    def read(self, start: int = 0, length: int | None = None) -> bytes:
        end = self.size if length is None else min(self.size, start + length)
        first, last = start // BLOCK, -(-end // BLOCK)
        if end <= start:
            return b""
        found = b"".join(self._blocks(first, last))
        return found[start - first * BLOCK : end - first * BLOCK]

    def _blocks(self, first: int, last: int) -> Iterator[bytes]:
        """The blocks from `first` to before `last`; runs of those that are not kept by one request each."""
        number = first
        while number < last:
            data, behind = self._kept(number), number + 1
            if data is None:
                while behind < last and not self._file(behind).is_file():
                    behind += 1
                data = self._fetched(number, behind)
            yield data
            number = behind

    def _kept(self, number: int) -> bytes | None:
        """A block in the cache; None where it is not there whole."""
        with suppress(OSError):
            data = self._file(number).read_bytes()
            if len(data) == min(BLOCK, self.size - number * BLOCK):
                return data
        return None

    def part(self, start: int, length: int) -> Path:
        """A file of this machine with a part of it, which is fetched by one request when it is first asked for.

        Raises StorageError also where it cannot be written.
        """
        try:
            file = self.beside(f"{start}-{length}")
            if not (file.is_file() and file.stat().st_size == length):
                _keep(file, self._request(start, start + length))
        except OSError as error:
            raise StorageError(f"{self}: no copy of a part of it in {self.folder}: {error.strerror}") from error
        return file

    def beside(self, name: str) -> Path:
        """A file that is kept with this version, and removed with it. Raises OSError."""
        self._make_folder()
        return self.folder / name

    def _fetched(self, first: int, last: int) -> bytes:
        data = self._request(first * BLOCK, min(self.size, last * BLOCK))
        with suppress(OSError):  # a full disk keeps nothing
            self._make_folder()
            for number in range(first, last):
                _keep(self._file(number), data[(number - first) * BLOCK : (number - first + 1) * BLOCK])
        return data

    def _request(self, start: int, end: int) -> bytes:
        data = super().read(start, end - start)
        if len(data) != end - start:
            raise StorageError(f"{self}: {len(data)} of {end - start} bytes from byte {start} on: it has changed")
        if _version(RemotePath(self.url)) != _version(self):  # asked for after the bytes, which are thus of it
            raise StorageError(f"{self}: it has changed since it was opened: run the same command again")
        return data

    def _make_folder(self) -> None:
        """Make the folder of this version, in the place of those of earlier ones, which nothing reads any more."""
        if not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            for other in self.folder.parent.iterdir():
                if other != self.folder:
                    shutil.rmtree(other, ignore_errors=True)

    def _file(self, number: int) -> Path:
        return self.folder / str(number)


def _keep(file: Path, data: bytes) -> None:
    """Write a block whole or not at all, without a wait for the disk: one that a power cut shortens is fetched anew."""
    partial = partial_name(file)
    with removed_on_failure(partial):
        partial.write_bytes(data)
        os.replace(partial, file)


def _version(remote: RemotePath) -> tuple[int, str]:
    """Its size and version; some file systems put an ETag into quotation marks in a folder's listing alone, or not."""
    return remote.size, remote.version.replace('"', "")
