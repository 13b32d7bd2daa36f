"""Tar shards in WebDataset's layout: members that share a name up to its first dot are one sample.

Every shard is indexed once, from its headers alone, and then read at random: which sample a step sees is arithmetic,
so a run resumes at the exact sample on every rank without counting what was read before.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import overload

import numpy as np

from pali3kit.data.members import Damaged, Found, Link, members, read_sparse
from pali3kit.errors import DataError

SHOWN = 5  # samples that a message names


@dataclass(frozen=True, slots=True)
class Sample:
    """One sample of a shard: where each of its members lies, by what follows the first dot of its name."""

    shard: Path
    key: str
    members: dict[str, tuple[int, int]]  # offset and length in bytes; of a sparse one its header's offset, and -length

    def read(self, ending: str) -> bytes:
        """The bytes of a member. Raises DataError when the sample has none or the shard is shorter than it was."""
        if ending not in self.members:
            raise DataError(f"{self.shard}: sample {self.key} has no .{ending}, but {', '.join(sorted(self.members))}")
        offset, length = self.members[ending]
        try:
            with self.shard.open("rb") as file:
                file.seek(offset)
                data = file.read(length) if length >= 0 else read_sparse(file)
        except OSError as error:
            raise DataError(f"{self.shard}: {error.strerror or error}") from error
        if len(data) != abs(length):
            told = f"{len(data)} of {abs(length)} bytes of .{ending}"
            raise DataError(f"{self.shard}: sample {self.key} is cut off: {told}")
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
    index = ShardIndex([table for table, _ in read], [damage for _, damages in read for damage in damages])
    if not len(index):
        some = ", ".join(map(str, shards[:3])) or "no shards"
        raise DataError(f"no samples in {some}" + "".join(f"; {damage}" for damage in index.damages[:3]))
    return index


class _Numbers:
    """The numbers of the samples and endings of a shard, in the order in which they come."""

    def __init__(self) -> None:
        self.keys: dict[tuple[int, str], int] = {}
        self.endings: dict[str, int] = {}

    def of(self, archive: int, key: str, ending: str) -> tuple[int, int]:
        """Equal keys in archives that lie one behind the other are two samples."""
        sample = self.keys.setdefault((archive, key), len(self.keys))
        return sample, self.endings.setdefault(ending, len(self.endings))

    def known(self, archive: int, key: str, ending: str) -> tuple[int, int] | None:
        """Those of what has come; None for what has not."""
        sample, number = self.keys.get((archive, key)), self.endings.get(ending)
        return None if sample is None or number is None else (sample, number)


def _index(shard: Path) -> tuple[Table, list[str]]:
    """The samples of a shard, and what is wrong with it."""
    numbers, links = _Numbers(), list[Link]()
    rows: list[tuple[int, int, int, int]] = []
    damages = []
    try:
        for member in members(shard):
            if isinstance(member, Found):
                rows.append((*numbers.of(member.archive, member.key, member.ending), member.offset, member.length))
            else:
                links.append(member)
    except Damaged as error:
        damages.append(f"{shard}: damaged after {len(numbers.keys)} samples: {error}")
    if links:
        damages += [f"{shard}: {told}" for told in _follow(links, rows, numbers)]
    found = np.array(sorted(rows), np.int64).reshape(-1, 4)
    table = Table(shard, np.array([_written(key) for _, key in numbers.keys], "S"), list(numbers.endings), found)
    table, doubled = _without_doubles(table)
    return table, damages + doubled


def _written(key: str) -> bytes:
    return key.encode(errors="replace")


def _follow(links: Sequence[Link], rows: list[tuple[int, int, int, int]], numbers: _Numbers) -> list[str]:
    """Add to `rows` what links lead to, as members of their own. What leads to no member is told."""
    places = {row[:2]: row[2:] for row in rows}
    damages = []
    for link in links:
        target = numbers.known(link.archive, *link.target) if link.target else None
        place = places.get(target) if target else None
        if place is None:
            damages.append(f"{link.name} is a link to {link.leads_to}, which is no member before it")
            continue
        row = numbers.of(link.archive, link.key, link.ending)
        places[row] = place
        rows.append((*row, *place))
    return damages


def _without_doubles(table: Table) -> tuple[Table, list[str]]:
    """The samples less those that have a member twice: nobody knows which picture belongs to which text."""
    parts = table.members[:, :2]
    double = np.unique(parts[1:][(parts[1:] == parts[:-1]).all(axis=1)], axis=0)
    if not len(double):
        return table, []
    lost = np.unique(double[:, 0])
    shown = [f"{table.keys[s].decode(errors='replace')} (.{table.endings[e]})" for s, e in double[:SHOWN]]
    more = ", ..." if len(double) > SHOWN else ""
    told = (
        f"{table.shard}: left out, having a member twice: {len(lost)} of {len(table)} samples: {', '.join(shown)}{more}"
    )
    kept = np.setdiff1d(np.arange(len(table)), lost)
    rows = table.members[~np.isin(table.members[:, 0], lost)].copy()
    rows[:, 0] = np.searchsorted(kept, rows[:, 0])
    return Table(table.shard, table.keys[kept], table.endings, rows), [told]
