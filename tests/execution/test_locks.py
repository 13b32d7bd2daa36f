"""Locks of one process: by `flock`, and by a lease where the file system refuses that."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
import time
from pathlib import Path

import pytest

from pali3kit.execution import locks
from pali3kit.execution.locks import exclusive


def refuse(code: int):
    def flock(descriptor: int, operation: int) -> None:
        raise OSError(code, os.strerror(code))

    return flock


@pytest.fixture(params=[None, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK])
def file(request, tmp_path, monkeypatch):
    if request.param:
        monkeypatch.setattr(fcntl, "flock", refuse(request.param))
    return tmp_path / "work" / "vision-0123.lock"


def test_one_at_a_time_and_nothing_is_left(file):
    with exclusive(file) as mine, exclusive(file) as theirs:
        assert mine and not theirs
        with exclusive(file.with_name("other.lock")) as other:
            assert other
    with exclusive(file) as again:
        assert again
    assert not any(file.parent.iterdir())


def test_only_one_of_many_gets_it(file):
    got, start = [], threading.Barrier(8)

    def contend() -> None:
        start.wait()
        with exclusive(file) as mine:
            got.append(mine)
            start.wait()  # all have tried before the first lets go

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 7 + [True]


def test_another_error_is_no_refusal(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output"), exclusive(tmp_path / "a.lock"):
        pass


@pytest.fixture
def lease(tmp_path, monkeypatch):
    """A lease that a process of another machine holds, which is young."""
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOSYS))
    lease = tmp_path / "a.lease"
    lease.write_text("elsewhere 1 0")
    return lease


def age(file, seconds: float = locks.LEASE_SECONDS + 1) -> None:
    then = time.time() - seconds
    os.utime(file, (then, then))


def test_a_lease_holds_until_it_is_old(lease):
    age(lease, locks.LEASE_SECONDS - 20)
    with exclusive(lease.with_suffix(".lock")) as mine:
        assert not mine
    age(lease)
    with exclusive(lease.with_suffix(".lock")) as mine:
        assert mine and lease.read_text() != "elsewhere 1 0"
    assert not any(lease.parent.iterdir())


def test_a_takeover_that_was_killed_blocks_no_longer_than_a_lease(lease):
    age(lease)
    guard = lease.with_suffix(f".{lease.stat().st_mtime_ns}.takeover")
    guard.touch()
    with exclusive(lease.with_suffix(".lock")) as mine:
        assert not mine
    age(guard)
    with exclusive(lease.with_suffix(".lock")) as mine:
        assert mine
    assert not any(lease.parent.iterdir())


def test_only_one_takes_over_from_a_takeover_that_was_killed(lease, monkeypatch):
    """Two find that it was. One is slow to remove what it left; meanwhile the other has it, and is slow too."""
    age(lease)
    for name in ("takeover", f"{lease.stat().st_mtime_ns}.takeover"):
        lease.with_suffix(f".{name}").touch()
        age(lease.with_suffix(f".{name}"))
    unlink, waits, go_on = Path.unlink, {}, {}
    got, release = [], threading.Event()

    def slow_unlink(path: Path, missing_ok: bool = False) -> None:
        if path.suffix == waits.get(threading.current_thread().name):
            del waits[threading.current_thread().name]
            go_on[threading.current_thread().name].wait(30)
        unlink(path, missing_ok)

    def contend() -> None:
        with exclusive(lease.with_suffix(".lock")) as mine:
            got.append(mine)
            release.wait(30)

    def begin(name: str, slow_to_remove: str) -> threading.Thread:
        """Start a contender; return when it waits, or has tried."""
        waits[name], go_on[name], before = slow_to_remove, threading.Event(), len(got)
        thread = threading.Thread(target=contend, name=name)
        thread.start()
        until = time.monotonic() + 30
        while name in waits and len(got) == before:
            assert time.monotonic() < until
            time.sleep(0.01)
        return thread

    monkeypatch.setattr(Path, "unlink", slow_unlink)
    threads = [begin("slow", ".takeover"), begin("quick", ""), begin("second", ".lease")]
    go_on["slow"].set()
    until = time.monotonic() + 30
    while len(got) < 2:
        assert time.monotonic() < until
        time.sleep(0.01)
    threads.append(begin("third", ""))
    go_on["second"].set()
    until = time.monotonic() + 30
    while len(got) < 4:
        assert time.monotonic() < until
        time.sleep(0.01)
    release.set()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False, False, False, True]


def test_an_owner_touches_its_lease(lease, monkeypatch):
    monkeypatch.setattr(locks, "LEASE_SECONDS", 0.3)
    lease.unlink()
    with exclusive(lease.with_suffix(".lock")) as mine:
        assert mine
        age(lease, 1000)
        until = time.monotonic() + 30
        while time.time() - lease.stat().st_mtime > 500:
            assert time.monotonic() < until
            time.sleep(0.01)


def test_a_process_whose_lease_was_taken_over_ends(lease, monkeypatch, capfd):
    """It stood still for so long that another one makes its stage."""
    ended = threading.Event()
    codes = []

    def leave(code: int) -> None:
        codes.append(code)
        ended.set()
        raise OSError("instead of the end of the process")

    monkeypatch.setattr(locks, "LEASE_SECONDS", 0.3)
    monkeypatch.setattr(os, "_exit", leave)
    lease.unlink()
    with exclusive(lease.with_suffix(".lock")) as mine:
        assert mine
        lease.write_text("elsewhere 1 0")
        assert ended.wait(30)
    assert set(codes) == {75} and lease.read_text() == "elsewhere 1 0"
    assert "taken over by elsewhere 1 0, as it was not touched" in capfd.readouterr().err
