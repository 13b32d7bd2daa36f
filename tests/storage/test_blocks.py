"""Blocks of files behind URLs, which are fetched once."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from file_server import FileServer

from pali3kit.errors import StorageError
from pali3kit.storage import blocks
from pali3kit.storage.blocks import KeptBlocks
from pali3kit.storage.remote import RemotePath

DATA = np.random.default_rng(0).bytes(1050)


@pytest.fixture
def remote(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> RemotePath:
    monkeypatch.setattr(blocks, "BLOCK", 100)
    server.files["/big.bin"] = DATA
    return RemotePath(f"{server.url}/big.bin")


def test_what_is_read_is_fetched_once_and_by_runs(remote: RemotePath, server: FileServer) -> None:
    kept = KeptBlocks(remote)
    assert kept.read(450, 10) == DATA[450:460]
    assert kept.read(210, 800) == DATA[210:1010]
    assert kept.read(1040, 99) == DATA[1040:] and kept.read(1050) == kept.read(7, 0) == b""
    assert [asked for _, asked in server.gets] == ["bytes=400-499", "bytes=200-399", "bytes=500-1049"]
    assert KeptBlocks(RemotePath(remote.url)).read(200) == DATA[200:] and len(server.gets) == 3
    assert kept.read() == DATA and server.sent == len(DATA)


def test_another_version_is_fetched_anew(remote: RemotePath, server: FileServer) -> None:
    assert KeptBlocks(remote).read(0, 9) == DATA[:9]
    server.files["/big.bin"] = DATA[::-1]
    changed = KeptBlocks(RemotePath(remote.url))
    assert changed.read(0, 9) == DATA[::-1][:9]
    assert list(changed.folder.parent.iterdir()) == [changed.folder]  # what was kept of the version before is removed


def test_no_block_is_of_another_version_than_those_before(remote: RemotePath, server: FileServer) -> None:
    kept = KeptBlocks(remote)
    assert kept.read(0, 100) == DATA[:100]
    server.files["/big.bin"] = DATA[::-1]
    with pytest.raises(StorageError, match=r"/big\.bin: it has changed since it was opened"):
        kept.read(0, 200)
    assert kept.read(0, 100) == DATA[:100] and not (kept.folder / "1").exists()


def test_an_etag_in_quotation_marks_is_the_same(remote: RemotePath) -> None:
    info = remote._info
    listed = RemotePath(remote.url, {**info, "ETag": str(info["ETag"]).strip('"')})
    assert listed.version != remote.version and KeptBlocks(listed).read(0, 9) == DATA[:9]


def test_a_file_that_became_shorter_and_a_block_that_did(remote: RemotePath, server: FileServer) -> None:
    kept = KeptBlocks(remote)
    assert kept.read(0, 300) == DATA[:300]
    (kept.folder / "1").write_bytes(b"short")
    assert kept.read(0, 300) == DATA[:300] and server.gets[-1][1] == "bytes=100-199"
    server.files["/big.bin"] = DATA[:950]
    with pytest.raises(StorageError, match=r"/big\.bin"):
        kept.read(900)


def test_a_full_disk_keeps_nothing(remote: RemotePath, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with KeptBlocks(remote).open(buffer=0) as file:
        assert file.seek(995) == 995 and file.read(9) == DATA[995:1004] and file.read() == DATA[1004:]


def test_reading_waits_for_no_disk(remote: RemotePath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda descriptor: pytest.fail("a block is flushed"))
    kept = KeptBlocks(remote)
    assert kept.read() == DATA and len(list(kept.folder.iterdir())) == 11
