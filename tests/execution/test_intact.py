"""Which file of an artifact is not what was written."""

from __future__ import annotations

import os

import pytest
from fakes import Loose

from pali3kit.execution import intact, manifest
from pali3kit.execution.intact import changed, missized
from pali3kit.execution.manifest import describe
from pali3kit.plan.step import Step


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").write_bytes(b"aaaa")
    (tmp_path / "b").write_bytes(b"b")
    return tmp_path


@pytest.fixture
def told(folder, monkeypatch):
    for module in (manifest, intact):
        monkeypatch.setattr(module, "LARGE", 2)
    return describe(Step("masks", "masks", Loose({})), folder, 1.0, 1, {})


def test_a_whole_one(folder, told):
    assert missized(folder, told) is None and changed(folder, told) is None and changed(folder, told, full=True) is None


def test_sizes(folder, told):
    (folder / "a").write_bytes(b"aaa")
    assert missized(folder, told) == f"{folder / 'a'} has 3 bytes instead of 4"
    (folder / "a").unlink()
    assert missized(folder, told) == f"{folder / 'a'} is missing"


def test_a_small_file_is_always_read(folder, told):
    before = (folder / "b").stat()
    (folder / "b").write_bytes(b"c")
    os.utime(folder / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed(folder, told) == f"{folder / 'b'} has other bytes than were written: its sha256 differs"


def test_a_large_file_of_the_same_time_is_read_when_all_is_to_be_verified(folder, told):
    before = (folder / "a").stat()
    (folder / "a").write_bytes(b"aaab")
    os.utime(folder / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert changed(folder, told) is None
    assert "a has other bytes" in changed(folder, told, full=True)


def test_a_large_file_of_another_time_is_read(folder, told):
    """A copied store is whole, a file that was written since is not."""
    os.utime(folder / "a", ns=(1, 1))
    assert changed(folder, told) is None
    (folder / "a").write_bytes(b"aaab")
    assert "a has other bytes" in changed(folder, told)


def test_a_file_that_cannot_be_read_is_told(folder, told, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(intact, "digest", broken)
    assert changed(folder, told) == f"{folder / 'b'} cannot be read (Input/output error)"


def test_without_digests_there_is_nothing_to_compare(folder, told):
    (folder / "b").write_bytes(b"c")
    assert changed(folder, {"files": told["files"]}) is None


def test_a_name_that_no_file_can_have_is_missing(tmp_path):
    for name in ("x" * 5000, "a\0b"):
        assert missized(tmp_path, {"files": {name: 1}}).endswith("is missing")
