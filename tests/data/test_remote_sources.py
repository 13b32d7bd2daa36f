"""Sources in files behind URLs: the same records as from files of this machine."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from urllib.parse import quote

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from file_server import FileServer
from made_shards import grey, tar_of

from pali3kit.data.folder import FolderSource
from pali3kit.data.pairs import PairSource
from pali3kit.data.readers.parquet import _ParquetReader
from pali3kit.data.source import Source
from pali3kit.data.union import UnionSource
from pali3kit.errors import DataError, StorageError
from pali3kit.registry import LABELLED, SOURCE
from pali3kit.storage import blocks

RNG = np.random.default_rng(0)


@pytest.fixture
def roots(tmp_path: Path, server: FileServer) -> list[str]:
    """A folder of sets: on this machine, by http, in memory."""
    lines = [{"image": f"{n}.png", "caption": f"number {n}"} for n in range(4)]
    questions = [{"image_id": n, "question": "how grey?", "answers": [f"{n}"], "question_id": n} for n in range(4)]
    table = pa.table({"caption": [f"number {n}" for n in range(4)], "image": [grey(n) for n in range(4)]})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=2)
    files = {
        "sets/own.jsonl": "\n".join(map(json.dumps, lines)).encode(),
        "sets/cc.tsv": "\n".join(f"number {n}\t{n}.png" for n in range(4)).encode(),
        "sets/vqa.json": gzip.compress(json.dumps({"data": questions}).encode()),
        "sets/texts/a.txt": b"one\ntwo\n", "sets/texts/b.txt": b"three\n",
        "sets/t.parquet": (tmp_path / "t.parquet").read_bytes(),
        "sets/classes/ape/0.png": grey(0), "sets/classes/ape/0.txt": b"an ape", "sets/classes/honey bee/1.png": grey(1),
        "sets/classes/.hidden/2.png": grey(2),
        **{f"sets/{n}.png": grey(n) for n in range(4)},
    }  # fmt: skip
    for name, data in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
        server.files[f"/{quote(name)}"] = data
    memory = fsspec.filesystem("memory")
    memory.pipe({f"/{tmp_path.name}/{name}": data for name, data in files.items()})
    return [f"{tmp_path}/sets", f"{server.url}/sets", f"memory://{tmp_path.name}/sets"]


SOURCES = {
    "records": {"path": "{}/own.jsonl"},
    "tsv": {"path": "{}/cc.tsv", "images": "{}"},
    "vqa": {"path": "{}/vqa.json", "images": "{}"},
    "parquet": {"path": "{}/t.parquet"},
    "folder": {"path": "{}/classes"},
}


@pytest.mark.parametrize("name", SOURCES)
def test_records_are_the_same(name: str, roots: list[str]) -> None:
    found = []
    for root in roots:
        source = SOURCE.build(name, **{key: value.format(root) for key, value in SOURCES[name].items()}, image_size=8)
        size = source.size("train")
        images = np.stack([source.image("train", n) for n in range(size)])
        texts = [] if name == "vqa" else [source.alt_text("train", n, RNG) for n in range(size)]
        found.append((size, images.tolist(), texts, sorted(source.sentences(0, 32)), source.digest))
    assert found[0][0] == (2 if name == "folder" else 4)
    assert found[1] == found[2] == found[0]


def test_only_row_groups_and_columns_that_are_read_are_fetched(
    tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1 << 12)
    sizes, images = 1 << 16, [RNG.bytes(1 << 16) for _ in range(40)]
    table = pa.table({"caption": [f"number {n}" for n in range(40)], "image": images})
    pq.write_table(table, tmp_path / "t.parquet", row_group_size=4, compression="none", use_dictionary=False)
    data = (tmp_path / "t.parquet").read_bytes()
    server.files["/t.parquet"] = data
    reader = _ParquetReader(f"{server.url}/t.parquet")
    assert len(reader) == 40 and server.sent < 70_000 < len(data), "the footer, of which Arrow asks for 64 KiB"
    records = [reader.record(number) for number in (21, 22)]
    assert [record.captions["en"] for record in records] == [("number 21",), ("number 22",)]
    before = server.sent
    assert [record.read_image() for record in records] == images[21:23]
    assert 4 * sizes <= server.sent - before < 5 * sizes, "the images of one row group"
    before, again = server.sent, _ParquetReader(f"{server.url}/t.parquet")
    assert again.record(20).read_image() == images[20] and server.sent == before


def test_a_server_that_fails_is_no_damage_of_a_table(
    tmp_path: Path, server: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "BLOCK", 1 << 12)
    pq.write_table(pa.table({"caption": ["a", "b"], "image": [RNG.bytes(1 << 17)] * 2}), tmp_path / "t.parquet")
    server.files["/t.parquet"] = (tmp_path / "t.parquet").read_bytes()
    reader = _ParquetReader(f"{server.url}/t.parquet")
    record = reader.record(0)
    server.broken["/t.parquet"] = 403
    with pytest.raises(StorageError, match=f"{server.url}/t.parquet"):
        record.read_image()
    with pytest.raises(StorageError, match=f"{server.url}/t.parquet"):
        len(_ParquetReader(f"{server.url}/t.parquet"))


def test_texts_are_the_same(roots: list[str]) -> None:
    found: list[Source] = [SOURCE.build("text", path=f"{root}/texts") for root in roots[:2]]
    assert sorted(found[0].sentences(0, 32)) == sorted(found[1].sentences(0, 32)) == ["one", "three", "two"]
    assert found[0].digest == found[1].digest


def test_what_is_not_there_is_told_with_its_url(roots: list[str], server: FileServer) -> None:
    url = roots[1]
    with pytest.raises(DataError, match=f"there is no {url}/none.jsonl"):
        SOURCE.build("records", path=f"{url}/none.jsonl", image_size=8)
    with pytest.raises(DataError, match=f"no images in {url}/nowhere"):
        FolderSource(f"{url}/nowhere")
    server.files.pop("/sets/3.png")
    source = SOURCE.build("tsv", path=f"{url}/cc.tsv", images=url, image_size=8)
    with pytest.raises(DataError, match=rf"{url}: there is no image 3\.png"):
        for number in range(4):
            source.image("train", number)


def test_names_do_not_lead_out_of_a_folder_behind_a_url(server: FileServer) -> None:
    server.files["/sets/cc.tsv"] = b"a text\t../secret.png"
    source = SOURCE.build("tsv", path=f"{server.url}/sets/cc.tsv", images=f"{server.url}/sets", image_size=8)
    with pytest.raises(DataError, match=r"/sets: '\.\./secret\.png' is no file in it"):
        source.image("train", 0)
    assert not any("secret" in path for path, _ in server.gets)


def test_what_is_read_as_a_whole_is_to_be_copied(server: FileServer) -> None:
    with pytest.raises(DataError, match=f"{server.url}/dtd: this folder is read as a whole: copy it to this machine"):
        LABELLED.build("dtd", path=f"{server.url}/dtd")
    server.files["/cc.tsv"] = b"a text\thttp://lab.org/a.jpg"
    source = SOURCE.build("tsv", path=f"{server.url}/cc.tsv", images=server.url, image_size=8)
    with pytest.raises(DataError, match=f"{server.url}: images of urls are found by their names: copy it"):
        source.image("train", 0)


def test_a_union_does_not_keep_the_windows_of_its_parts(tmp_path: Path) -> None:
    (tmp_path / "0.tar").write_bytes(tar_of({"0.png": grey(0), "0.txt": b"a text"}))
    part = {"name": "pairs", "path": str(tmp_path / "0.tar"), "window": 1}
    union = UnionSource({"a": part})
    assert union.image("train", 0).shape == (8, 8, 3)
    with pytest.raises(DataError, match="part 'a' has a window: a union shuffles all its images; pretrain on it alone"):
        union.image("train", 1 << 32)
    with pytest.raises(DataError, match="window should be a number of shards, not -1"):
        PairSource(str(tmp_path / "0.tar"), window=-1)
