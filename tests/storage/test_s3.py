"""Data and artifacts in S3, by moto's server on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fakes import Loose
from made_shards import pair_shards
from moto.server import ThreadedMotoServer

from pali3kit.data.pairs import PairSource
from pali3kit.data.readers.tsv import _create
from pali3kit.data.shard_index import INDEX, write_index_of
from pali3kit.data.shard_names import expand_shards
from pali3kit.errors import StageError, StorageError
from pali3kit.execution.needs import copy_from_url
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.storage import systems
from pali3kit.storage.remote import RemotePath

pytestmark = pytest.mark.slow  # moto's server and s3fs take seconds to import
SHARDS = pair_shards(3, 4)
STEP = Step("vision", "vision siglip", Loose({"n": 1}), seed=3)


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The URL of a bucket with shards; s3fs finds the server and the credentials in the environment."""
    monkeypatch.setenv("PALI3KIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setattr(systems, "PAUSES", ())
    system, _ = systems.open_system("s3://lab")
    system.mkdir("lab")
    for name, data in SHARDS.items():
        system.pipe_file(f"lab/s/{name}", data)
    yield "s3://lab"
    system.rm("lab", recursive=True)


def test_ranges_patterns_and_absent_files(bucket: str) -> None:
    path = RemotePath(f"{bucket}/s/1.tar")
    assert path.size == len(SHARDS["1.tar"]) and path.version.startswith("ETag")
    assert path.read(512, 20) == SHARDS["1.tar"][512:532] and path.read() == SHARDS["1.tar"]
    found = expand_shards(f"{bucket}/s/*.tar")
    assert [str(each) for each in found] == [f"{bucket}/s/{n}.tar" for n in range(3)]
    assert found[1].version == path.version == expand_shards(f"{bucket}/s/{{1..2}}.tar")[0].version
    assert not RemotePath(f"{bucket}/s/3.tar").exists() and not RemotePath("s3://nobody/x").exists()


def test_shards_with_an_index_beside_them(bucket: str) -> None:
    shards = expand_shards(f"{bucket}/s/*.tar")
    assert write_index_of(shards) == (f"{bucket}/s/{INDEX}", 12, [])
    assert RemotePath(f"{bucket}/s/{INDEX}").exists()
    source = PairSource(f"{bucket}/s/{{0..2}}.tar", window=2)
    greys = sorted(int(source.image("train", place)[0, 0, 0]) for place in range(12))
    assert greys == list(range(12)) and source.pairs.text(5) == "number 5"


def test_a_table_and_its_images(bucket: str) -> None:
    system, _ = systems.open_system(bucket)
    system.pipe_file("lab/cc.tsv", b"a text\tdeep/0.png")
    system.pipe_file("lab/deep/0.png", PairSource(f"{bucket}/s/0.tar").pairs.image_bytes(0))
    source = _create(f"{bucket}/cc.tsv", bucket)
    assert source.image("train", 0).shape == (8, 8, 3)


def test_a_store_is_read_through(bucket: str, tmp_path: Path) -> None:
    other, mine = Store(tmp_path / "other"), Store(tmp_path / "mine", read_from=[f"{bucket}/store"])
    other.work(STEP).mkdir(parents=True)
    (other.work(STEP) / "weights.safetensors").write_bytes(b"weights" * 1000)
    published = other.publish(STEP, 1.5, threads=2)
    assert mine.remote(STEP) is None
    system, _ = systems.open_system(bucket)
    system.put(f"{published}/", f"lab/store/{published.name}/", recursive=True)
    mine = Store(tmp_path / "mine", read_from=[f"{bucket}/store"])
    assert mine.remote(STEP) is not None and not mine.done(STEP)
    said: list[str] = []
    copy_from_url(STEP, mine, said.append)
    assert mine.done(STEP) and (mine.path(STEP) / "weights.safetensors").read_bytes() == b"weights" * 1000
    assert f"copying it from {bucket}/store" in said[0]


def test_without_credentials_or_a_server_nothing_secret_is_told(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systems, "CONNECT_SECONDS", 1.0)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    with pytest.raises(StorageError, match=r"s3://lab/x cannot be read") as told:
        RemotePath("s3://lab/x").read(0, 5)
    with pytest.raises(StageError, match=r"s3://lab/store cannot be read") as of_store:
        Store(tmp_path / "mine", read_from=["s3://lab/store"]).remote(STEP)
    for text in (str(told.value), str(of_store.value)):
        assert "wJalr" not in text and "AKIA" not in text
