"""Copies of files behind URLs."""

from __future__ import annotations

from multiprocessing import get_context
from pathlib import Path

import pytest
from file_server import HOST, FileServer

from pali3kit.errors import DataError, StorageError
from pali3kit.storage.cache import cache_folder, local_copies, local_copy, locked, origin, place_of_copy
from pali3kit.storage.remote import RemotePath


def test_the_folder_of_copies_is_the_user_s_to_choose(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PALI3KIT_CACHE", str(tmp_path / "mine"))
    assert cache_folder() == tmp_path / "mine"
    monkeypatch.delenv("PALI3KIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "pali3kit"


def test_a_file_is_fetched_once_and_again_when_it_changes(server: FileServer, caplog: pytest.LogCaptureFixture) -> None:
    server.files["/sets/train.jsonl"] = b"first"
    remote = f"{server.url}/sets/train.jsonl"
    copy = local_copy(RemotePath(remote))
    assert copy.read_bytes() == b"first" and copy == local_copy(RemotePath(remote)) and len(server.gets) == 1
    assert origin(copy) == f"/http/{server.url.removeprefix('http://')}/sets/train.jsonl" == origin(RemotePath(remote))
    assert copy.is_relative_to(cache_folder() / "http") and HOST in str(copy)
    assert caplog.messages == [f"{remote}: fetching 0.0 MB to {copy}"]
    server.files["/sets/train.jsonl"] = b"other"
    assert local_copy(RemotePath(remote)).read_bytes() == b"other" and len(server.gets) == 2


def test_a_copy_that_was_broken_off_is_none(server: FileServer) -> None:
    server.files["/a.jsonl"] = b"0123456789"
    remote = RemotePath(f"{server.url}/a.jsonl")
    assert remote.size == 10
    server.broken["/a.jsonl"] = "short"
    with pytest.raises(StorageError, match="cannot be read"):
        local_copy(remote)
    del server.broken["/a.jsonl"]
    assert local_copy(remote).read_bytes() == b"0123456789"
    assert not list(cache_folder().rglob("*.partial"))
    with pytest.raises(FileNotFoundError):
        local_copy(RemotePath(f"{server.url}/none"))


def test_names_in_the_web_are_those_of_a_disk(server: FileServer, caplog: pytest.LogCaptureFixture) -> None:
    server.files |= {"/sets/refs%28unc%29%2B.p": b"1", "/sets/b%20c.json": b"23"}
    remote = [RemotePath(f"{server.url}/sets/{name}") for name in ("refs%28unc%29%2B.p", "b%20c.json")]
    copies = local_copies(remote)
    assert [(file.name, file.read_bytes()) for file in copies] == [("refs(unc)+.p", b"1"), ("b c.json", b"23")]
    assert [*map(origin, copies)] == [*map(origin, remote)] and place_of_copy(remote[0].parent) == copies[0].parent
    assert caplog.messages == [f"{server.url}/sets: 2 files: fetching 0.0 MB to {copies[0]}"]
    for name in ("%2e%2e/%2E%2E/passwd", "..%2Fpasswd", "a%00"):
        with pytest.raises(DataError, match="a name that leads out of its folder"):
            local_copy(RemotePath(f"{server.url}/sets/{name}"))


def test_paths_of_this_machine_are_their_own_origin(tmp_path: Path) -> None:
    assert origin(tmp_path / "a") == str(tmp_path / "a") and origin(Path("a/b")) == "a/b"


def test_two_processes_do_not_write_at_the_same_time(tmp_path: Path) -> None:
    context = get_context("fork")
    came, go = context.Event(), context.Event()

    def other() -> None:
        with locked(tmp_path / "x" / "file"):
            came.set()
            go.wait(20)

    process = context.Process(target=other)
    process.start()
    assert came.wait(20)
    go.set()
    with locked(tmp_path / "x" / "file"):
        process.join(20)
        assert process.exitcode == 0
