"""Files behind URLs."""

from __future__ import annotations

from pathlib import Path

import fsspec
import pytest
from file_server import FileServer

from pali3kit.errors import StorageError
from pali3kit.storage.remote import RemotePath, lexical, open_binary

DATA = bytes(range(256)) * 100


def test_paths_are_named_as_those_of_pathlib() -> None:
    path = RemotePath("s3://lab/sets/") / "a" / "0.tar"
    assert (str(path), path.name, path.suffix, str(path.parent)) == ("s3://lab/sets/a/0.tar", "0.tar", ".tar",
                                                                    "s3://lab/sets/a")  # fmt: skip
    assert str(path.with_suffix(".txt")) == "s3://lab/sets/a/0.txt" and path == RemotePath(path.url)
    assert lexical(path) == "/s3/lab/sets/a/0.tar" and lexical(RemotePath("memory:///x")) == "/memory/x"
    assert repr(RemotePath("https://me:secret@lab.org/x?token=1")) == "RemotePath('https://lab.org/x')"


def test_ranges_are_asked_for(server: FileServer) -> None:
    server.files["/a.bin"] = DATA
    path = RemotePath(f"{server.url}/a.bin")
    assert path.size == len(DATA) and path.version.startswith("ETag")
    assert path.read(300, 10) == DATA[300:310] and path.read(0, 5) == DATA[:5] and path.read() == DATA
    assert path.read(len(DATA) - 3, 10) == DATA[-3:] and path.read(300, 0) == b""
    assert server.gets[0] == ("/a.bin", "bytes=300-309")
    with path.open(1000) as file:
        file.seek(5000)
        assert file.read(3) == DATA[5000:5003] and file.read(3) == DATA[5003:5006]
        assert file.seek(-4, 2) == len(DATA) - 4 and file.read() == DATA[-4:]
    assert server.gets[-2] == ("/a.bin", "bytes=5000-5999")


def test_a_server_without_ranges_is_refused_before_it_sends_a_file(server: FileServer) -> None:
    server.files["/a.bin"], server.ranges = DATA, False
    path = RemotePath(f"{server.url}/a.bin")
    assert path.read(0, 5) == DATA[:5] and path.read() == DATA
    with pytest.raises(StorageError, match=r"a\.bin: its server sends whole files alone, no ranges of bytes"):
        path.read(300, 10)


def test_other_file_systems_answer_alike(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    memory = fsspec.filesystem("memory")
    memory.pipe({"/lab/a.bin": DATA, "/lab/b/c.txt": b"text"})
    path = RemotePath("memory://lab/a.bin")
    assert path.size == len(DATA) and path.version.startswith("created") and path.read(300, 10) == DATA[300:310]
    with open_binary(path) as file:
        assert file.read() == DATA
    assert [str(found) for found in RemotePath("memory://lab").files()] == ["memory:///lab/a.bin",
                                                                           "memory:///lab/b/c.txt"]  # fmt: skip
    assert [found.name for found in RemotePath("memory://lab/*/*.txt").matches()] == ["c.txt"]
    assert [str(found) for found in RemotePath(f"local://{tmp_path}").files()] == [f"local://{tmp_path}/a.txt"]
    absent = RemotePath("memory://lab/none")
    assert not absent.exists() and absent.files() == []
    with pytest.raises(FileNotFoundError):
        absent.read()


def test_a_file_that_shrinks_while_it_is_read_is_an_error(server: FileServer) -> None:
    server.files["/a.bin"] = DATA
    with RemotePath(f"{server.url}/a.bin").open(0) as file:
        file.seek(len(DATA) - 50)
        server.files["/a.bin"] = DATA[:-20]
        with pytest.raises(StorageError, match=r"a\.bin: 30 of 50 bytes from byte 25550 on: it has changed"):
            file.read(50)
