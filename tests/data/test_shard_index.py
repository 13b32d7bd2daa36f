"""All samples of some shards, by an index beside them, by one that is kept, or from their headers."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from file_server import FileServer
from made_shards import pair_shards

from pali3kit.data.shard_index import INDEX, ShardIndex, write_index_of
from pali3kit.data.shard_names import expand_shards
from pali3kit.errors import DataError, StorageError
from pali3kit.storage.cache import cache_folder
from pali3kit.storage.remote import RemotePath

SHARDS = pair_shards(3, 4)


def local(folder: Path) -> list[Path]:
    for name, data in SHARDS.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in SHARDS]


def keys(index: ShardIndex) -> list[str]:
    return [sample.key for sample in index]


def test_an_index_beside_shards_is_used_and_gives_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shards = local(tmp_path)
    read = ShardIndex(shards)
    assert write_index_of(shards) == (str(tmp_path / INDEX), 12, [])
    monkeypatch.setattr("pali3kit.data.shard_index.index_shard", None)
    mapped = ShardIndex(shards)
    assert list(mapped) == list(read) and mapped.sizes.tolist() == read.sizes.tolist() == [4, 4, 4]
    assert keys(ShardIndex(shards[1:2])) == ["0004", "0005", "0006", "0007"]
    assert mapped[-1].read("txt") == b"number 11" and mapped[4:6] == read[4:6]


def test_an_index_of_other_shards_is_refused(tmp_path: Path) -> None:
    shards = local(tmp_path)
    write_index_of(shards[:2])
    with pytest.raises(DataError, match=rf"{INDEX}: it has no shard 2\.tar: make it again of all shards beside it"):
        ShardIndex(shards)
    os.utime(shards[0], ns=(1, 1))
    with pytest.raises(DataError, match=rf"{INDEX}: 0\.tar has changed since: make it again, `pali3kit index`, or rem"):
        ShardIndex(shards[:2])


def test_damages_are_kept(tmp_path: Path) -> None:
    shards = local(tmp_path)
    shards[1].write_bytes(SHARDS["1.tar"][:2200])
    before = ShardIndex(shards).damages
    damages = write_index_of(shards)[2]
    assert damages[0].startswith("1.tar: damaged after 1 samples") and len(damages) == 1
    assert ShardIndex(shards).damages == before == [f"{tmp_path}/{damages[0]}"]


def test_headers_behind_a_url_are_read_once(server: FileServer, caplog: pytest.LogCaptureFixture) -> None:
    server.files |= {f"/s/{name}": data for name, data in SHARDS.items()}
    shards = expand_shards(f"{server.url}/s/{{0..2}}.tar")
    index = ShardIndex(shards)
    assert keys(index) == [f"{n:04}" for n in range(12)]
    assert any("reading the headers of 3 shards, once, to" in message for message in caplog.messages)
    asked = len(server.gets)
    assert keys(ShardIndex(expand_shards(f"{server.url}/s/*.tar"))) == keys(index)
    assert not [path for path, _ in server.gets[asked:] if path.endswith(".tar")]
    assert len(list((cache_folder() / "indexes").glob("*.safetensors"))) == 1
    server.files["/s/1.tar"] = pair_shards(1, 2)["0.tar"]
    assert len(ShardIndex(expand_shards(f"{server.url}/s/*.tar"))) == 10


def test_an_index_behind_a_url_is_fetched(server: FileServer, tmp_path: Path) -> None:
    server.files |= {f"/t/{name}": data for name, data in SHARDS.items()}
    shards = expand_shards(f"{server.url}/t/*.tar")
    with pytest.raises(StorageError, match=f"name a file, --out, and put it there as {INDEX}"):
        write_index_of(shards)
    assert write_index_of(shards, str(tmp_path / "out"))[1] == 12
    server.files[f"/t/{INDEX}"] = (tmp_path / "out").read_bytes()
    server.gets.clear()
    assert keys(ShardIndex(shards[1:])) == [f"{n:04}" for n in range(4, 12)]
    assert [path for path, _ in server.gets] == [f"/t/{INDEX}"]
    server.files["/t/1.tar"] += bytes(512)
    with pytest.raises(DataError, match=rf"{server.url}/t/{INDEX}: 1\.tar has changed since"):
        ShardIndex(expand_shards(f"{server.url}/t/*.tar"))


def test_a_store_that_refuses_to_say_whether_there_is_an_index_has_none(server: FileServer) -> None:
    """S3 answers 403, not 404, where the caller may not list."""
    server.files |= {f"/v/{name}": data for name, data in SHARDS.items()}
    server.broken[f"/v/{INDEX}"] = 403
    assert len(ShardIndex([RemotePath(f"{server.url}/v/{name}") for name in SHARDS])) == 12


def test_a_connection_that_breaks_leaves_no_sample_out(server: FileServer) -> None:
    server.files |= {f"/u/{name}": data for name, data in SHARDS.items()}
    shards = expand_shards(f"{server.url}/u/*.tar")
    assert [shard.exists() for shard in shards] == [True] * 3
    server.broken["/u/1.tar"] = "short"
    with pytest.raises(StorageError, match=r"/u/1\.tar cannot be read"):
        ShardIndex(shards)
    server.broken.clear()
    assert len(ShardIndex(shards)) == 12


def test_no_shards_and_no_samples(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no samples in no shards"):
        ShardIndex([])
    (tmp_path / "a.tar").write_bytes(bytes(1024))
    with pytest.raises(DataError, match=r"no samples in .*a\.tar"):
        ShardIndex([tmp_path / "a.tar"])
