"""Tar shards in WebDataset's layout: members that share a name up to its first dot are one sample.

Every shard is indexed once, from its headers alone, and then read at random: which sample a step sees is arithmetic,
so a run resumes at the exact sample on every rank without counting what was read before.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, cast, overload

import numpy as np

from pali3kit.errors import DataError

BLOCK = 512  # bytes: what tar is made of


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a shard: where each of its members lies, by what follows the first dot of its name."""

    shard: Path
    key: str
    members: dict[str, tuple[int, int]]  # offset and length in bytes

    def read(self, ending: str) -> bytes:
        """The bytes of a member. Raises DataError when the sample has none or the shard is shorter than it was."""
        if ending not in self.members:
            raise DataError(f"{self.shard}: sample {self.key} has no .{ending}, but {', '.join(sorted(self.members))}")
        offset, length = self.members[ending]
        try:
            with self.shard.open("rb") as file:
                file.seek(offset)
                data = file.read(length)
        except OSError as error:
            raise DataError(f"{self.shard}: {error.strerror}") from error
        if len(data) != length:
            raise DataError(f"{self.shard}: sample {self.key} is cut off: {len(data)} of {length} bytes of .{ending}")
        return data


@dataclass(frozen=True, slots=True)
class Table:
    """The samples of one shard, as arrays: millions of objects would be gigabytes."""

    shard: Path
    keys: np.ndarray  # of bytes, UTF-8
    endings: list[str]
    members: np.ndarray  # int64 [m,4], sorted: sample, number of its ending, offset and length in bytes

    def __len__(self) -> int:
        return len(self.keys)

    def sample(self, number: int) -> Sample:
        first, end = np.searchsorted(self.members[:, 0], (number, number + 1))
        found = {self.endings[e]: (offset, length) for _, e, offset, length in self.members[first:end].tolist()}
        return Sample(self.shard, self.keys[number].decode(errors="replace"), found)


class ShardIndex(Sequence[Sample]):
    """The samples of some shards in order, and what is wrong with shards that are damaged."""

    def __init__(self, tables: Sequence[Table], damages: Sequence[str]) -> None:
        self.tables, self.damages = tables, damages
        self.starts = np.cumsum([0, *map(len, tables)])

    def __len__(self) -> int:
        return int(self.starts[-1])

    @overload
    def __getitem__(self, position: int) -> Sample: ...

    @overload
    def __getitem__(self, position: slice) -> list[Sample]: ...

    def __getitem__(self, position: int | slice) -> Sample | list[Sample]:
        if isinstance(position, slice):
            return [self[i] for i in range(*position.indices(len(self)))]
        if not -len(self) <= position < len(self):
            raise IndexError(f"sample {position} of {len(self)}")
        position %= len(self)
        number = int(np.searchsorted(self.starts, position, side="right")) - 1
        return self.tables[number].sample(position - int(self.starts[number]))


def index_shards(shards: Sequence[Path]) -> ShardIndex:
    """Index `shards` in the order given. What precedes the damage of a damaged shard is kept, and the damage is noted.

    Raises:
        DataError: there is no shard, or none holds a sample.
    """
    with ThreadPoolExecutor() as pool:  # headers lie far apart: most of it is waiting for storage
        read = list(pool.map(_index, shards))
    index = ShardIndex([table for table, _ in read], [damage for _, damage in read if damage])
    if not len(index):
        some = ", ".join(map(str, shards[:3])) or "no shards"
        raise DataError(f"no samples in {some}" + "".join(f"; {damage}" for damage in index.damages[:3]))
    return index


def _index(shard: Path) -> tuple[Table, str]:
    """The samples of a shard, and what is wrong with it."""
    keys: dict[str, int] = {}
    endings: dict[str, int] = {}
    rows = []
    damage = ""
    try:
        for member in _members(shard):
            key, _, ending = _split(member.name)
            sample, kind = keys.setdefault(key, len(keys)), endings.setdefault(ending.lower(), len(endings))
            rows.append((sample, kind, member.offset_data, member.size))
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        damage = f"{shard}: damaged after {len(keys)} samples: {error}"
    members = np.array(sorted(rows), np.int64).reshape(-1, 4)
    return Table(shard, np.array([key.encode(errors="replace") for key in keys], "S"), list(endings), members), damage


def _members(shard: Path) -> Iterator[tarfile.TarInfo]:
    """Files of an uncompressed tar whose bytes are all there.

    tarfile takes a shard that is cut off between two members, or in a header, for one that ends there; but every
    archive ends with a block of zeros.
    """
    length, end = shard.stat().st_size, 0
    with tarfile.open(shard, "r:") as tar:
        for member in tar:
            end = member.offset_data + -(-member.size // BLOCK) * BLOCK
            if member.offset_data + member.size > length:
                raise EOFError(f"{member.name} is cut off")
            if member.isfile() and not PurePosixPath(member.name).name.startswith("._"):  # macOS' shadows of files
                yield member
            cast(Any, tar).members.clear()  # it would keep them all
    with shard.open("rb") as file:
        file.seek(end)
        if file.read(BLOCK) != bytes(BLOCK):
            raise EOFError("it has no end")


def _split(name: str) -> tuple[str, str, str]:
    """`a/b.c/000.seg.png` to its sample's key `a/b.c/000`, a dot, and `seg.png`."""
    path = PurePosixPath(name)
    stem, dot, ending = path.name.partition(".")
    return str(path.parent / stem), dot, ending
