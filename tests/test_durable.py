"""Atomic, durable file writes."""

from __future__ import annotations

import errno
import os
import platform
import time
from pathlib import Path

import pytest

from pali3kit import durable


def full(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_file_is_written_at_once(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    durable.write_atomically(path, b"one")
    durable.write_atomically(path, b"two")
    assert path.read_bytes() == b"two" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("place", ["write_bytes", "fsync", "replace"])
def test_a_full_disk_leaves_what_was_there_and_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(b"one")
    monkeypatch.setattr(Path if place == "write_bytes" else os, place, full)
    with pytest.raises(OSError, match="No space left") as raised:
        durable.write_atomically(path, b"two")
    assert raised.value.filename == str(path) and raised.value.errno == errno.ENOSPC
    assert path.read_bytes() == b"one" and list(tmp_path.iterdir()) == [path]


def test_a_really_full_file_system_leaves_nothing(tmp_path: Path) -> None:
    """Every write to `/dev/full` fails."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full")
    partial = durable.partial_name(tmp_path / "a")
    partial.symlink_to("/dev/full")
    with pytest.raises(OSError, match="No space left"):
        durable.write_atomically(tmp_path / "a", b"two")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_that_cannot_sync_folders_is_no_reason_to_stop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def unable(_: int) -> None:
        raise OSError(number, "not here")

    monkeypatch.setattr(os, "fsync", unable)
    durable.write_atomically(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"


@pytest.mark.parametrize("how", ["has it", "macOS", "a file system without"])
def test_space_is_reserved_on_every_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def unable(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not here")

    if how == "macOS":
        monkeypatch.delattr(os, "posix_fallocate")
    elif how != "has it":
        monkeypatch.setattr(os, "posix_fallocate", unable)
    path, size = tmp_path / "a", 3 * durable.CHUNK + 5
    with path.open("wb") as file:
        file.write(b"head")
        durable.reserve(file, 4, size)
    assert path.read_bytes() == b"head" + bytes(size - 4)
    assert path.stat().st_blocks * 512 >= size


def test_a_full_disk_is_not_taken_for_one_that_cannot_reserve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "posix_fallocate", full)
    with (tmp_path / "a").open("wb") as file, pytest.raises(OSError, match="No space left"):
        durable.reserve(file, 0, 10)


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    here, dead = platform.node(), 4194305
    ours, elsewhere = durable.partial_name(tmp_path / "a.json").name, f"a.json.not-{here}.{dead}.partial"
    others = {ours, elsewhere, "test.partial", f"b.{here}.4x.partial"}
    for name in (*others, f"a.json.{here}.{dead}.partial"):
        (tmp_path / name).touch()
    old = tmp_path / f"c.json.not-{here}.7.partial"
    old.touch()
    os.utime(old, (0, time.time() - 2 * durable.ABANDONED))
    durable.remove_partials(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == others


def test_who_holds_a_lock_removes_what_other_nodes_left(tmp_path: Path) -> None:
    ours = durable.partial_name(tmp_path / "a.json").name
    kept = {"a.json", "test.partial", "b.another.4x.partial"}
    for name in (*kept, ours, "a.json.another.7.partial", "a.json.pod-7.example.org.7.partial"):
        (tmp_path / name).touch()
    durable.remove_partials(tmp_path, every_process=True)
    assert {path.name for path in tmp_path.iterdir()} == kept


def test_a_name_is_no_pattern(tmp_path: Path) -> None:
    names = [f"{name}.{platform.node()}.4194305.partial" for name in ("a[1]", "a1")]
    for name in names:
        (tmp_path / name).touch()
    durable.remove_partials(tmp_path, "a[1]")
    assert [path.name for path in tmp_path.iterdir()] == names[1:]


def test_two_nodes_never_write_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a file system that they share; their processes may have equal numbers."""
    ours = durable.partial_name(tmp_path / "a")
    monkeypatch.setattr(platform, "node", lambda: "another")
    assert durable.partial_name(tmp_path / "a") != ours


def test_the_digest_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert durable.sha256_of(tmp_path / "a").startswith("ba7816bf8f01cfea")
