"""A sample of a tar shard, whose members are read where they lie: in a file, or by ranges behind a URL."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from pali3kit.data.members import read_sparse
from pali3kit.errors import DataError
from pali3kit.images.decode import MAX_FILE_BYTES
from pali3kit.storage.paths import read_part
from pali3kit.storage.remote import AnyPath, open_binary


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a shard: the place of each of its members, by the member's ending."""

    shard: AnyPath
    key: str
    members: dict[str, tuple[int, int]]  # offset and length in bytes; of a sparse one, of its header, and -length

    def read(self, ending: str) -> bytes:
        """The content of a member.

        Raises DataError where there is none or the shard has become shorter, StorageError where a server does not give
        it now.
        """
        if ending not in self.members:
            raise DataError(f"{self.shard}: sample {self.key} has no .{ending}, but {', '.join(sorted(self.members))}")
        offset, length = self.members[ending]
        if length > MAX_FILE_BYTES:
            raise DataError(
                f"{self.shard}: sample {self.key}: its .{ending} is larger than {MAX_FILE_BYTES / 1e6:g} MB"
            )
        try:
            data = self._read(offset, length)
        except OSError as error:
            raise DataError(f"{self.shard}: sample {self.key}: .{ending}: {error.strerror or error}") from error
        if len(data) != abs(length):
            lengths = f"{len(data)} of {abs(length)} bytes of .{ending}"
            raise DataError(f"{self.shard}: sample {self.key} is cut off: {lengths}")
        return data

    def _read(self, offset: int, length: int) -> bytes:
        if length >= 0:
            return read_part(self.shard, offset, length, self._span())
        with open_binary(self.shard) as file:
            file.seek(offset)
            return read_sparse(file)

    def _span(self) -> tuple[int, int]:
        """Where its members begin and end, without sparse ones."""
        places = [(offset, offset + length) for offset, length in self.members.values() if length >= 0]
        return min(start for start, _ in places), max(end for _, end in places)


class SampleTable(Protocol):
    """The samples of one shard, in its order."""

    def __len__(self) -> int: ...

    def sample(self, number: int) -> Sample: ...
