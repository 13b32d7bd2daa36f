"""Tar shards in WebDataset's layout: members that share a name up to its first dot are one sample.

Every shard is indexed once, from its headers alone, and then read at random. Which samples a step gets is computed from
its number, so a run resumes at the exact sample on every rank without replaying what was read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from pali3kit.data.members import DamagedTar, Member, MemberLink, members, read_sparse
from pali3kit.errors import DataError
from pali3kit.images.decode import MAX_FILE_BYTES

LINK = -1  # stands for the offset of a link
SHOWN = 5  # samples that a message names


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a shard: the place of each of its members, by the member's ending."""

    shard: Path
    key: str
    members: dict[str, tuple[int, int]]  # offset and length in bytes; of a sparse one, of its header, and -length

    def read(self, ending: str) -> bytes:
        """The content of a member. Raises DataError where there is none or the shard has become shorter."""
        if ending not in self.members:
            raise DataError(f"{self.shard}: sample {self.key} has no .{ending}, but {', '.join(sorted(self.members))}")
        offset, length = self.members[ending]
        if length > MAX_FILE_BYTES:
            raise DataError(
                f"{self.shard}: sample {self.key}: its .{ending} is larger than {MAX_FILE_BYTES / 1e6:g} MB"
            )
        try:
            with self.shard.open("rb") as file:
                file.seek(offset)
                data = file.read(length) if length >= 0 else read_sparse(file)
        except OSError as error:
            raise DataError(f"{self.shard}: {error.strerror or error}") from error
        if len(data) != abs(length):
            lengths = f"{len(data)} of {abs(length)} bytes of .{ending}"
            raise DataError(f"{self.shard}: sample {self.key} is cut off: {lengths}")
        return data


@dataclass(frozen=True, slots=True)
class _ShardTable:
    """The samples of one shard as arrays: millions of Python objects would take gigabytes."""

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
    """The samples of `shards` in the given order; `damages` says what is wrong with damaged shards.

    The samples before the damage of a shard are kept.

    Raises:
        DataError: there is no shard, or none holds a sample.
    """

    def __init__(self, shards: Sequence[Path]) -> None:
        with ThreadPoolExecutor() as pool:  # headers lie far apart: most of it is waiting for storage
            read = list(pool.map(_index, shards))
        self.tables = [table for table, _ in read]
        self.damages = [damage for _, damages in read for damage in damages]
        self.starts = np.cumsum([0, *map(len, self.tables)])
        if not len(self):
            some = ", ".join(map(str, shards[:3])) or "no shards"
            raise DataError(f"no samples in {some}" + "".join(f"; {damage}" for damage in self.damages[:3]))

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


class _Numbers:
    """Numbers the keys and endings of a shard in the order of their first occurrence."""

    def __init__(self) -> None:
        self.keys: dict[tuple[int, str], int] = {}
        self.endings: dict[str, int] = {}

    def of(self, archive: int, key: str, ending: str) -> tuple[int, int]:
        """The numbers of a key and an ending. Equal keys in concatenated archives are different samples."""
        sample = self.keys.setdefault((archive, key), len(self.keys))
        return sample, self.endings.setdefault(ending, len(self.endings))

    def known(self, link: MemberLink) -> tuple[int, int] | None:
        """The numbers of a link's target; None where it did not occur before the link."""
        key, ending = link.target or ("", "")
        sample, number = self.keys.get((link.archive, key)), self.endings.get(ending)
        return None if sample is None or number is None else (sample, number)


Row = tuple[int, int, int, int]
"""Numbers of key and ending, offset and length; of a link, `LINK` and the link's number stand for the last two."""


def _index(shard: Path) -> tuple[_ShardTable, list[str]]:
    """The samples of a shard, and what is wrong with it."""
    numbers, links, rows, damages = _Numbers(), list[MemberLink](), list[Row](), list[str]()
    try:
        for member in members(shard):
            row = numbers.of(member.archive, member.key, member.ending)
            if isinstance(member, Member):
                rows.append((*row, member.offset, member.length))
            else:
                rows.append((*row, LINK, len(links)))
                links.append(member)
    except DamagedTar as error:
        damages.append(f"{shard}: damaged after {len(numbers.keys)} samples: {error}")
    if links:
        damages += [f"{shard}: {damage}" for damage in _follow(links, rows, numbers)]
    found = np.array([row for row in rows if row[2] != LINK], np.int64).reshape(-1, 4)
    keys = np.array([key.encode(errors="replace") for _, key in numbers.keys], "S")
    table, doubled = _without_doubles(_grouped(shard, keys, list(numbers.endings), found))
    return table, damages + doubled


def _follow(links: Sequence[MemberLink], rows: list[Row], numbers: _Numbers) -> list[str]:
    """Replace links in `rows` by the places of their targets; returns messages on links without a target."""
    places = {row[:2]: row[2:] for row in rows if row[2] != LINK}
    damages = []
    for at, (*row, offset, number) in enumerate(rows):
        if offset == LINK:
            target = numbers.known(links[number])
            place = places.get(target) if target else None
            if place:
                places[row[0], row[1]] = place
                rows[at] = (row[0], row[1], *place)
            else:
                link = links[number]
                damages.append(f"{link.name} is a link to {link.leads_to}, which is no member before it")
    return damages


def _grouped(shard: Path, keys: np.ndarray, endings: list[str], rows: np.ndarray) -> _ShardTable:
    """Group members into samples by their keys.

    Where a key has a member twice, as in archives joined by `tar -A`, each run of neighbouring members with that key is
    a sample, which is webdataset's rule.
    """
    of = rows[:, 0]
    stretch = np.cumsum(np.diff(of, prepend=-1) != 0)
    codes = of * (len(rows) + 1) + np.where(np.isin(of, _doubles(rows)[:, 0]), stretch, 0)
    _, first, number = np.unique(codes, return_index=True, return_inverse=True)
    order = np.argsort(first)  # samples are in the order of the shard
    members = rows.copy()
    members[:, 0] = np.argsort(order)[number]
    return _ShardTable(shard, keys[of[first[order]]], endings, members[np.lexsort((members[:, 1], members[:, 0]))])


def _doubles(rows: np.ndarray) -> np.ndarray:
    """The pairs of key and ending, int64 `[n,2]`, that occur more than once."""
    parts = rows[np.lexsort((rows[:, 1], rows[:, 0])), :2]
    return np.unique(parts[1:][(parts[1:] == parts[:-1]).all(axis=1)], axis=0)


def _without_doubles(table: _ShardTable) -> tuple[_ShardTable, list[str]]:
    """Leave out samples that have a member twice: which image belongs to which text is not known."""
    double = _doubles(table.members)
    if not len(double):
        return table, []
    lost = np.unique(double[:, 0])
    shown = [f"{table.keys[s].decode(errors='replace')} (.{table.endings[e]})" for s, e in double[:SHOWN]]
    more = ", ..." if len(double) > SHOWN else ""
    samples = f"{len(lost)} of {len(table)} samples: {', '.join(shown)}{more}"
    kept = np.setdiff1d(np.arange(len(table)), lost)
    rows = table.members[~np.isin(table.members[:, 0], lost)]
    rows[:, 0] = np.searchsorted(kept, rows[:, 0])
    left = _ShardTable(table.shard, table.keys[kept], table.endings, rows)
    return left, [f"{table.shard}: left out, having a member twice: {samples}"]
