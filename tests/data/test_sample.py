"""Members of samples, read where they lie."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_server import FileServer
from made_shards import tar_of

from pali3kit.data.sample import Sample
from pali3kit.errors import DataError, StorageError
from pali3kit.storage.remote import RemotePath

TAR = tar_of({"a.txt": b"a cat", "a.png": bytes(1000), "b.txt": b"a dog"})
MEMBERS = {"txt": (512, 5), "png": (1536, 1000)}


def test_the_members_of_a_remote_sample_come_by_one_request(server: FileServer) -> None:
    server.files["/0.tar"] = TAR
    sample = Sample(RemotePath(f"{server.url}/0.tar"), "a", MEMBERS)
    assert sample.read("txt") == b"a cat" and sample.read("png") == bytes(1000)
    assert server.gets == [("/0.tar", "bytes=512-2535")]


def test_a_long_sample_is_read_member_by_member(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pali3kit.storage.paths.MOST_SPAN", 100)
    server.files["/1.tar"] = TAR
    sample = Sample(RemotePath(f"{server.url}/1.tar"), "a", MEMBERS)
    assert sample.read("txt") == b"a cat"
    assert server.gets == [("/1.tar", "bytes=512-516")]


def test_what_is_gone_or_cut_off_is_an_error_of_the_data(server: FileServer) -> None:
    server.files["/2.tar"] = TAR[:1000]
    with pytest.raises(DataError, match=r"2\.tar: sample a is cut off: 0 of 1000 bytes of \.png"):
        Sample(RemotePath(f"{server.url}/2.tar"), "a", MEMBERS).read("png")
    with pytest.raises(DataError, match=rf"{server.url}/3\.tar: sample a: \.png: there is no {server.url}/3\.tar"):
        Sample(RemotePath(f"{server.url}/3.tar"), "a", MEMBERS).read("png")


@pytest.mark.parametrize("broken", [403, 503, "short", "closed"])
def test_what_a_server_does_not_give_now_is_none(server: FileServer, broken: int | str) -> None:
    """Else which samples are trained on would depend on the network."""
    server.files["/4.tar"], server.broken["/4.tar"] = TAR, broken
    with pytest.raises(StorageError, match=rf"{server.url}/4\.tar"):
        Sample(RemotePath(f"{server.url}/4.tar"), broken if isinstance(broken, str) else "a", MEMBERS).read("png")


def test_a_sample_of_this_machine(tmp_path: Path) -> None:
    (tmp_path / "0.tar").write_bytes(TAR)
    sample = Sample(tmp_path / "0.tar", "a", {**MEMBERS, "bin": (3000, 50)})
    assert sample.read("txt") == b"a cat" and sample.read("png") == bytes(1000)
    with pytest.raises(DataError, match=r"sample a has no \.jpg, but bin, png, txt"):
        sample.read("jpg")
    with pytest.raises(DataError, match=r"sample a: \.txt: No such file"):
        Sample(tmp_path / "1.tar", "a", MEMBERS).read("txt")
