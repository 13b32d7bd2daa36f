"""Tar shards in WebDataset's layout: members that share a name up to its first dot are one sample.

Every shard is indexed once, from its headers alone, and then read at random (`data.shard_index`). Which samples a step
gets is computed from its number, so a run resumes at the exact sample on every rank without replaying what was read
before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pali3kit.data.members import DamagedTar, Member, MemberLink, members
from pali3kit.data.sample import Sample
from pali3kit.storage.remote import AnyPath

LINK = -1  # stands for the offset of a link
SHOWN = 5  # samples that a message names


@dataclass(frozen=True, slots=True)
class ShardTable:
    """The samples of one shard as arrays: millions of Python objects would take gigabytes."""

    shard: AnyPath
    keys: np.ndarray  # of bytes, UTF-8
    endings: list[str]
    members: np.ndarray  # int64 [m,4], sorted: sample, number of its ending, offset and length in bytes

    def __len__(self) -> int:
        return len(self.keys)

    def sample(self, number: int) -> Sample:
        first, end = np.searchsorted(self.members[:, 0], (number, number + 1))
        found = {self.endings[e]: (offset, length) for _, e, offset, length in self.members[first:end].tolist()}
        return Sample(self.shard, self.keys[number].decode(errors="replace"), found)


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


def index_shard(shard: AnyPath) -> tuple[ShardTable, list[str]]:
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


def _grouped(shard: AnyPath, keys: np.ndarray, endings: list[str], rows: np.ndarray) -> ShardTable:
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
    return ShardTable(shard, keys[of[first[order]]], endings, members[np.lexsort((members[:, 1], members[:, 0]))])


def _doubles(rows: np.ndarray) -> np.ndarray:
    """The pairs of key and ending, int64 `[n,2]`, that occur more than once."""
    parts = rows[np.lexsort((rows[:, 1], rows[:, 0])), :2]
    return np.unique(parts[1:][(parts[1:] == parts[:-1]).all(axis=1)], axis=0)


def _without_doubles(table: ShardTable) -> tuple[ShardTable, list[str]]:
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
    left = ShardTable(table.shard, table.keys[kept], table.endings, rows)
    return left, [f"{table.shard}: left out, having a member twice: {samples}"]
