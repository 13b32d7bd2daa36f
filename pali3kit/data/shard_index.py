"""All samples of some shards, by an index file beside them, by one that is kept, or by reading their headers now."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import overload

import numpy as np

from pali3kit.data.index_file import IndexFile, ShardFacts, write_index
from pali3kit.data.members import read_shards
from pali3kit.data.sample import Sample, SampleTable
from pali3kit.data.shards import ShardTable, index_shard
from pali3kit.errors import DataError, RefusedError, StorageError
from pali3kit.storage.cache import cache_folder, locked
from pali3kit.storage.paths import file_here, size_and_version, sizes_and_versions
from pali3kit.storage.remote import AnyPath, RemotePath, lexical

INDEX = "pali3kit-shards.safetensors"
"""The index file beside shards."""
SAY_SECONDS = 30.0
_LOGGER = logging.getLogger("pali3kit")


class ShardIndex(Sequence[Sample]):
    """The samples of `shards` in the given order; `damages` says what is wrong with damaged shards.

    The samples before the damage of a shard are kept. Headers of shards on this machine are read, those behind a URL
    once for all processes, unless there is an index file beside the shards.

    Raises:
        DataError: there is no shard, none holds a sample, or the index file beside them is of other shards.
        StorageError: a server does not give them now.
    """

    def __init__(self, shards: Sequence[AnyPath]) -> None:
        self.tables: Sequence[SampleTable]
        self.tables, self.damages = _tables(shards)
        self.starts = np.cumsum([0, *map(len, self.tables)])
        if not len(self):
            some = ", ".join(map(str, shards[:3])) or "no shards"
            raise DataError(f"no samples in {some}" + "".join(f"; {damage}" for damage in self.damages[:3]))

    @property
    def sizes(self) -> np.ndarray:
        """The number of samples of each shard, int64 `[shards]`."""
        return np.diff(self.starts)

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


def _tables(shards: Sequence[AnyPath]) -> tuple[Sequence[SampleTable], list[str]]:
    """The samples of each shard, and what is wrong with the shards."""
    if not shards:
        return [], []
    names, beside = _names(shards), _folder(shards) / INDEX
    if _is_there(beside):
        return _opened(IndexFile(file_here(beside)), names, str(beside))
    if isinstance(beside, RemotePath):
        file = _kept(shards)
        return _opened(IndexFile(file), names, str(file))
    read = [found for _, found in read_shards(shards, index_shard)]
    return [table for table, _ in read], [damage for _, damages in read for damage in damages]


def _is_there(file: AnyPath) -> bool:
    """Whether an index is there; a store that refuses to say so has none for this caller."""
    try:
        return file.exists()
    except RefusedError:
        return False


def _opened(index: IndexFile, shards: Mapping[str, AnyPath], where: str) -> tuple[Sequence[SampleTable], list[str]]:
    """The samples by an index file, which is refused if it is of other shards."""
    known = {facts.name: facts for facts in index.shards}
    if unknown := [name for name in shards if name not in known]:
        raise DataError(
            f"{where}: it has no shard {unknown[0]}: make it again of all shards beside it, `pali3kit index`"
        )
    for name, found in zip(shards, sizes_and_versions([*shards.values()]), strict=True):
        if (known[name].size, known[name].version) != found:
            raise DataError(f"{where}: {name} has changed since: make it again, `pali3kit index`, or remove it")
    damages = [f"{shard}: {damage}" for name, shard in shards.items() for damage in known[name].damages]
    return index.tables(shards), damages


def write_index_of(shards: Sequence[AnyPath], path: str | None = None) -> tuple[str, int, list[str]]:
    """Write the index file of shards to `path`, by default beside them.

    Returns its path, the number of samples, and what is wrong with the shards. Raises StorageError where a server takes
    no files.
    """
    beside = _folder(shards) / INDEX
    if path is None and isinstance(beside, RemotePath):
        file = _kept(shards)
        try:
            beside.put(file)
        except StorageError as error:
            raise StorageError(f"{error} Or name a file, --out, and put it there as {INDEX}.") from None
    else:
        file = Path(path) if path is not None else Path(str(beside))
        write_index(file, _facts(shards))
    index = IndexFile(file)
    damages = [f"{facts.name}: {damage}" for facts in index.shards for damage in facts.damages]
    return path or str(beside), sum(facts.samples for facts in index.shards), damages


def _kept(shards: Sequence[AnyPath]) -> Path:
    """The index file of remote shards in the cache, made where there is none. Changed shards have another one."""
    found = zip(shards, sizes_and_versions(shards), strict=True)
    facts = "".join(f"{lexical(shard)} {facts}\n" for shard, facts in found)
    file = cache_folder() / "indexes" / f"{hashlib.sha256(facts.encode()).hexdigest()[:32]}.safetensors"
    with locked(file):
        if not file.is_file():
            _LOGGER.warning(
                "%s: reading the headers of %d shards, once, to %s; `pali3kit index` writes an index beside them",
                _folder(shards), len(shards), file,
            )  # fmt: skip
            write_index(file, _facts(shards))
    return file


def _facts(shards: Sequence[AnyPath]) -> Iterator[tuple[ShardFacts, ShardTable]]:
    """What is known of each shard, and its samples. Says now and then how many are done."""
    said = time.monotonic()
    for number, (name, (shard, (table, damages))) in enumerate(
        zip(_names(shards), read_shards(shards, index_shard), strict=True)
    ):
        if time.monotonic() - said > SAY_SECONDS:
            said = time.monotonic()
            _LOGGER.warning("%d of %d shards are indexed", number, len(shards))
        told = [damage.removeprefix(f"{shard}: ") for damage in damages]
        yield ShardFacts(name, *size_and_version(shard), len(table), told), table


def _names(shards: Sequence[AnyPath]) -> dict[str, AnyPath]:
    """The shards by their names relative to the folder of all."""
    folder = lexical(_folder(shards))
    return {os.path.relpath(lexical(shard), folder): shard for shard in shards}


def _folder(shards: Sequence[AnyPath]) -> AnyPath:
    """The deepest folder that contains all shards."""
    above = os.path.commonpath([os.path.dirname(lexical(shard)) for shard in shards]) or "."
    folder = shards[0]
    for _ in os.path.relpath(lexical(shards[0]), above).split(os.sep):
        folder = folder.parent
    return folder
