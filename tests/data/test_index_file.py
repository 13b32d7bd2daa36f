"""The index of shards as a memory-mapped file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from made_shards import pair_shards, tar_of
from safetensors.numpy import load_file, save_file

from pali3kit.data.index_file import ARRAYS, FORMAT, IndexFile, ShardFacts, write_index
from pali3kit.data.shards import ShardTable, index_shard
from pali3kit.errors import DataError
from pali3kit.storage.paths import size_and_version


def write(folder: Path) -> tuple[Path, list[Path]]:
    """An index of shards with links, names beyond ASCII, a sample of one member, and none at all."""
    odd = {"\u00e4\u2713/x.jpg": b"1", "only.json": b"{}", "z.SEG.png": b"123"}
    files = {**pair_shards(2, 3), "odd.tar": tar_of(odd), "none.tar": tar_of({})}
    shards = []
    for name, data in files.items():
        shards.append(folder / name)
        shards[-1].write_bytes(data)
    tables = [(shard, *index_shard(shard)) for shard in shards]
    write_index(
        folder / "index",
        (
            (ShardFacts(shard.name, *size_and_version(shard), len(table), damages), table)
            for shard, table, damages in tables
        ),
    )
    return folder / "index", shards


def test_an_index_says_what_the_shards_say(tmp_path: Path) -> None:
    file, shards = write(tmp_path)
    index = IndexFile(file)
    assert [facts.samples for facts in index.shards] == [3, 3, 3, 0]
    mapped = index.tables({shard.name: shard for shard in reversed(shards)})
    for shard, table in zip(reversed(shards), mapped, strict=True):
        read = index_shard(shard)[0]
        assert len(table) == len(read)
        assert [table.sample(n) for n in range(len(read))] == [read.sample(n) for n in range(len(read))]
    assert mapped[2].sample(1).read("txt") == b"number 4"
    assert not list(tmp_path.glob("*.partial")) and not list(tmp_path.glob(".index*"))


def test_it_is_a_file_of_safetensors(tmp_path: Path) -> None:
    arrays = load_file(write(tmp_path)[0])
    assert {name: array.dtype for name, array in arrays.items()} == {name: np.dtype(ARRAYS[name][1]) for name in ARRAYS}
    assert arrays["member_starts"].tolist() == [0, 2, 4, 6, 8, 10, 12, 13, 14, 15]


def test_what_is_no_index_is_refused(tmp_path: Path) -> None:
    file, _ = write(tmp_path)
    (tmp_path / "cut").write_bytes(file.read_bytes()[:-1])
    save_file({"x": np.zeros(1)}, tmp_path / "other", {"format": FORMAT + "0"})
    save_file({"x": np.zeros(1)}, tmp_path / "empty", {"format": FORMAT, "endings": "[]", "shards": json.dumps([])})
    for name in ("cut", "other", "empty", "none"):
        with pytest.raises(DataError, match=rf"{name}: no index of shards: .*make it again, `pali3kit index`"):
            IndexFile(tmp_path / name)


def test_any_number_of_endings(tmp_path: Path) -> None:
    """More than 16 bits hold: each sample has one of its own, as where numbers follow the first dot of names."""
    count = (1 << 16) + 2
    members = np.stack([np.arange(count), np.arange(count), np.zeros(count, np.int64), np.arange(count)], axis=1)
    table = ShardTable(tmp_path / "0.tar", np.full(count, b"a"), [f"{n}.txt" for n in range(count)], members)
    write_index(tmp_path / "index", [(ShardFacts("0.tar", 1, "", count, []), table)])
    [mapped] = IndexFile(tmp_path / "index").tables({"0.tar": tmp_path / "0.tar"})
    assert mapped.sample(count - 1).members == {f"{count - 1}.txt": (0, count - 1)}
