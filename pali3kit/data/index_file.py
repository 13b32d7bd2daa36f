"""The index of tar shards as a file: safetensors, memory-mapped, so that all ranks and loaders of a node share it.

Samples are numbered in the order of the shards, members in that of the samples:

    member_starts, key_starts   int64 [samples + 1]   where the members, and the bytes of the key, of a sample begin
    offsets, lengths            int64 [members]       as in `Sample`
    endings                     uint32 [members]      numbers of endings
    keys                        uint8                 UTF-8

Its metadata name the endings and the shards, with their sizes, versions, numbers of samples and damages.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO, NamedTuple

import numpy as np
from safetensors import SafetensorError, safe_open

from pali3kit.data.sample import Sample
from pali3kit.data.shards import ShardTable
from pali3kit.durable import partial_name, publish_file, removed_on_failure
from pali3kit.errors import DataError
from pali3kit.storage.remote import AnyPath

FORMAT = "pali3kit shards 1"
ARRAYS = {
    "member_starts": ("I64", np.int64), "key_starts": ("I64", np.int64), "offsets": ("I64", np.int64),
    "lengths": ("I64", np.int64), "endings": ("U32", np.uint32), "keys": ("U8", np.uint8),
}  # fmt: skip
"""Types in safetensors and NumPy, the widest first."""


class ShardFacts(NamedTuple):
    """What an index knows of a shard. `name` is relative to the folder of all, `version` changes with the content."""

    name: str
    size: int
    version: str
    samples: int
    damages: list[str]


class _MappedTable:
    """The samples of one shard of an index file."""

    def __init__(self, shard: AnyPath, index: IndexFile, first: int, count: int) -> None:
        self.shard, self.index, self.first, self.count = shard, index, first, count

    def __len__(self) -> int:
        return self.count

    def sample(self, number: int) -> Sample:
        key, members = self.index.sample(self.first + number)
        return Sample(self.shard, key, members)


class IndexFile:
    """An index file, opened. Raises DataError where it is none, or damaged."""

    def __init__(self, path: Path) -> None:
        try:
            self._file = safe_open(path, framework="np")
            metadata = self._file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ValueError(f"its format is {metadata.get('format')!r}, not {FORMAT!r}")
            self.endings: list[str] = json.loads(metadata["endings"])
            self.shards = [ShardFacts(*facts) for facts in json.loads(metadata["shards"])]
            self._arrays = {name: self._file.get_slice(name) for name in ARRAYS}
        except (SafetensorError, OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: no index of shards: {error}: make it again, `pali3kit index`") from error

    def sample(self, number: int) -> tuple[str, dict[str, tuple[int, int]]]:
        """The key of a sample, and its members as in `Sample`."""
        first, end = self._arrays["member_starts"][number : number + 2].tolist()
        start, behind = self._arrays["key_starts"][number : number + 2].tolist()
        key = self._arrays["keys"][start:behind].tobytes().decode(errors="replace")
        parts = (self._arrays[name][first:end].tolist() for name in ("endings", "offsets", "lengths"))
        return key, {self.endings[ending]: (offset, length) for ending, offset, length in zip(*parts, strict=True)}

    def tables(self, shards: Mapping[str, AnyPath]) -> list[_MappedTable]:
        """The tables of `shards`, by their names in this index."""
        starts = np.cumsum([0, *(facts.samples for facts in self.shards)]).tolist()
        numbers = {facts.name: number for number, facts in enumerate(self.shards)}
        return [
            _MappedTable(shard, self, starts[numbers[name]], self.shards[numbers[name]].samples)
            for name, shard in shards.items()
        ]


def write_index(path: Path, tables: Iterable[tuple[ShardFacts, ShardTable]]) -> None:
    """Write the index of some shards, one after the other: no more than one table needs to be in memory."""
    partial = partial_name(path)
    endings: dict[str, int] = {}
    shards: list[ShardFacts] = []
    with ExitStack() as opened, removed_on_failure(partial):
        folder = opened.enter_context(TemporaryDirectory(dir=path.parent, prefix=".index"))
        parts = {name: opened.enter_context(Path(folder, name).open("w+b")) for name in ARRAYS}
        ends = {"member_starts": 0, "key_starts": 0}
        for name in ends:
            parts[name].write(np.zeros(1, np.int64).tobytes())
        for facts, table in tables:
            shards.append(facts)
            for name, array in _arrays_of(table, endings, ends).items():
                parts[name].write(array.astype(ARRAYS[name][1]).tobytes())
        metadata = {"format": FORMAT, "endings": json.dumps([*endings]), "shards": json.dumps(shards)}
        with partial.open("wb") as file:
            _join(file, parts, metadata)
    publish_file(partial, path)


def _arrays_of(table: ShardTable, endings: dict[str, int], ends: dict[str, int]) -> dict[str, np.ndarray]:
    """What a table adds to each array; the numbers of `endings` and the `ends` of the arrays so far are updated."""
    numbers = np.array([endings.setdefault(ending, len(endings)) for ending in table.endings], np.int64)
    keys = [bytes(key) for key in table.keys]
    counts = {
        "member_starts": np.bincount(table.members[:, 0], minlength=len(keys)),
        "key_starts": np.array([len(key) for key in keys], np.int64),
    }
    found = {}
    for name, lengths in counts.items():
        found[name] = ends[name] + np.cumsum(lengths)
        ends[name] += int(lengths.sum())
    found |= {"offsets": table.members[:, 2], "lengths": table.members[:, 3], "endings": numbers[table.members[:, 1]]}
    return found | {"keys": np.frombuffer(b"".join(keys), np.uint8)}


def _join(file: BinaryIO, parts: Mapping[str, BinaryIO], metadata: Mapping[str, str]) -> None:
    """Write a safetensors file whose arrays are in `parts`."""
    header: dict[str, object] = {"__metadata__": metadata}
    end = 0
    for name, part in parts.items():
        code, kind = ARRAYS[name]
        begin, end = end, end + part.tell()
        header[name] = {"dtype": code, "shape": [part.tell() // np.dtype(kind).itemsize], "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little") + text)
    for part in parts.values():
        part.seek(0)
        shutil.copyfileobj(part, file)
