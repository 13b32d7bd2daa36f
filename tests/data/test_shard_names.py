"""The shards that a pattern names; those of this machine are in test_pairs."""

from __future__ import annotations

import fsspec
import pytest
from file_server import FileServer

from pali3kit.data.shard_names import expand_shards
from pali3kit.errors import DataError, StorageError


def test_ranges_and_patterns_behind_a_url(server: FileServer) -> None:
    for name in ("00", "01", "02"):
        server.files[f"/{name}.tar"] = b"x"
    url = server.url
    assert [shard.name for shard in expand_shards(f"{url}/{{00..02}}.tar")] == ["00.tar", "01.tar", "02.tar"]
    assert [shard.name for shard in expand_shards(f"{url}/01.tar")] == ["01.tar"]
    with pytest.raises(DataError, match=rf"2 of 4 shards of {url}/\S+ are not there: {url}/03\.tar, {url}/04\.tar"):
        expand_shards(f"{url}/{{01..04}}.tar")
    server.broken["/01.tar"] = 503
    with pytest.raises(StorageError, match=rf"{url}/01\.tar cannot be read"):
        expand_shards(f"{url}/{{00..02}}.tar")


def test_patterns_of_other_file_systems() -> None:
    fsspec.filesystem("memory").pipe({"/names/a.tar": b"1", "/names/b.tar": b"2", "/names/c.txt": b"3"})
    assert [shard.name for shard in expand_shards("memory://names/*.tar")] == ["a.tar", "b.tar"]
    with pytest.raises(DataError, match="there is no file memory://names/x"):
        expand_shards("memory://names/x*.tar")
    with pytest.raises(DataError, match="runs backwards"):
        expand_shards("memory://names/{5..1}.tar")
