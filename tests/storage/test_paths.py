"""What files on this machine and files behind URLs have in common."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from file_server import FileServer

from pali3kit.errors import DataError
from pali3kit.storage import paths
from pali3kit.storage.paths import (
    file_here,
    folder_here,
    inside,
    read_part,
    read_start,
    size_and_version,
    size_of,
    sizes_and_versions,
)
from pali3kit.storage.remote import RemotePath, open_binary


def test_both_kinds_answer_alike(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.bin"] = b"0123456789"
    (tmp_path / "a.bin").write_bytes(b"0123456789")
    for file in (tmp_path / "a.bin", RemotePath(f"{server.url}/a.bin")):
        assert size_of(file) == 10 and size_and_version(file)[0] == 10 and read_start(file, 4) == b"0123"
        assert read_part(file, 2, 3, (1, 8)) == b"234" and inside(file.parent, "x/../a.bin") == file
        assert file_here(file).read_bytes() == b"0123456789"
        with pytest.raises(DataError, match="is no file in it"):
            inside(file.parent, "../a.bin")
    assert folder_here(tmp_path, "it is walked") == tmp_path
    with pytest.raises(DataError, match=f"{server.url}/a: it is walked: copy it to this machine"):
        folder_here(RemotePath(f"{server.url}/a"), "it is walked")


def test_a_version_changes_with_the_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12")
    os.utime(tmp_path / "a", ns=(5, 7))
    assert size_and_version(tmp_path / "a") == (2, "mtime 7")


def test_many_are_asked_for_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of answers of a server, one after the other, would take minutes."""
    together = threading.Barrier(paths.CONNECTIONS)

    def slow(file: Path) -> tuple[int, str]:
        together.wait(30)
        return 1, file.name

    monkeypatch.setattr(paths, "size_and_version", slow)
    names = [tmp_path / str(number) for number in range(paths.CONNECTIONS)]
    assert sizes_and_versions(names) == [(1, name.name) for name in names]


def test_what_may_block_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is no file"):
        open_binary(tmp_path / "pipe")
    with pytest.raises(OSError, match="it is a pipe"):
        read_start(tmp_path / "pipe", 1)
