"""Tar shards in WebDataset's layout: members that share a name up to its first dot are one sample.

Every shard is indexed once, from its headers alone, and then read at random: which sample a step sees is arithmetic,
so a run resumes at the exact sample on every rank without counting what was read before.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

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


@dataclass(slots=True)
class ShardIndex:
    """The samples of some shards in order, and what is wrong with shards that are damaged."""

    samples: list[Sample] = field(default_factory=list)
    damages: list[str] = field(default_factory=list)


def index_shards(shards: Sequence[Path]) -> ShardIndex:
    """Index `shards` in the order given. What precedes the damage of a damaged shard is kept, and the damage is noted.

    Raises:
        DataError: there is no shard, or none holds a sample.
    """
    index = ShardIndex()
    for shard in shards:
        members: dict[str, dict[str, tuple[int, int]]] = {}
        try:
            for member in _members(shard):
                key, _, ending = _split(member.name)
                members.setdefault(key, {})[ending.lower()] = (member.offset_data, member.size)
        except (tarfile.TarError, OSError, EOFError, ValueError) as error:
            index.damages.append(f"{shard}: damaged after {len(members)} samples: {error}")
        index.samples += [Sample(shard, key, found) for key, found in members.items()]
    if not index.samples:
        some = ", ".join(map(str, shards[:3])) or "no shards"
        raise DataError(f"no samples in {some}" + "".join(f"; {damage}" for damage in index.damages[:3]))
    return index


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
            if member.isfile():
                yield member
    with shard.open("rb") as file:
        file.seek(end)
        if file.read(BLOCK) != bytes(BLOCK):
            raise EOFError("it has no end")


def _split(name: str) -> tuple[str, str, str]:
    """`a/b.c/000.seg.png` to its sample's key `a/b.c/000`, a dot, and `seg.png`."""
    path = PurePosixPath(name)
    stem, dot, ending = path.name.partition(".")
    return str(path.parent / stem), dot, ending
