"""Opening file systems: what is wrong is told, what may pass is tried again, nothing hangs."""

from __future__ import annotations

import time
import traceback

import pytest
from file_server import FileServer

from pali3kit.errors import DataError, StorageError
from pali3kit.storage import systems
from pali3kit.storage.remote import RemotePath
from pali3kit.storage.systems import attempt, open_system


def test_a_url_that_nothing_opens_is_refused() -> None:
    with pytest.raises(DataError, match=r"unknown protocol 'htp' of 'htp://lab\.org'\. Did you mean 'http'\?"):
        open_system("htp://lab.org")


@pytest.mark.parametrize("broken", [503, 429, "short", "closed"])
def test_errors_that_may_pass_are_tried_again(server: FileServer, broken: int | str) -> None:
    server.files["/a"] = b"0123456789"
    server.broken["/a"], server.times["/a"] = broken, 2
    assert RemotePath(f"{server.url}/a").read() == b"0123456789"
    assert len(server.gets) == 3
    server.times["/a"] = 99
    with pytest.raises(StorageError, match=rf"{server.url}/a cannot be read \(.*Nothing was left out for it: run the"):
        RemotePath(f"{server.url}/a").read()


def test_refused_and_absent_files_are_not_asked_for_again(server: FileServer) -> None:
    server.broken["/a"] = 403
    with pytest.raises(StorageError, match=r"/a: access is refused \(403.*set the credentials that fsspec reads"):
        RemotePath(f"{server.url}/a").read(0, 5)
    with pytest.raises(StorageError, match="access is refused"):
        RemotePath(f"{server.url}/a").exists()
    with pytest.raises(FileNotFoundError, match=f"there is no {server.url}/b"):
        RemotePath(f"{server.url}/b").read(3, 5)
    assert [path for path, _ in server.gets if path == "/b"] == ["/b"]


def test_a_busy_server_is_not_taken_for_one_without_the_file(server: FileServer) -> None:
    server.broken["/a"] = 503
    with pytest.raises(StorageError, match="503"):
        RemotePath(f"{server.url}/a").exists()
    assert not RemotePath(f"{server.url}/b").exists()
    with pytest.raises(StorageError, match="cannot be read"):
        RemotePath("http://127.0.0.1:9/a").exists()


def test_a_silent_server_is_given_up(server: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(systems, "READ_SECONDS", 0.2)
    monkeypatch.setattr(systems, "PAUSES", ())
    server.broken["/a"] = "silent"
    started = time.monotonic()
    with pytest.raises(StorageError, match=r"/a cannot be read \(.*Timeout"):
        RemotePath(f"{server.url}/a").read()
    assert time.monotonic() - started < 2.5


def test_messages_and_tracebacks_have_no_credentials() -> None:
    def fail() -> None:
        raise ValueError("https://me:secret@lab.org/a?X-Amz-Signature=secret, again")

    with pytest.raises(StorageError) as caught:
        attempt("https://lab.org/a", fail)
    assert "https://lab.org/a, again" in str(caught.value)
    assert "secret" not in str(caught.value) and caught.value.__suppress_context__
    shown = "".join(traceback.format_exception(caught.value))
    assert "X-Amz" not in shown.replace(fail.__code__.co_filename, "")
