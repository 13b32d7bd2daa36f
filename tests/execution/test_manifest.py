"""Manifests: written, sealed to the byte, validated when read, and compared with the files of their artifacts."""

from __future__ import annotations

import hashlib
import json
import os
import random

import pytest
from fakes import Loose

from pali3kit.execution import manifest as manifests
from pali3kit.execution.manifest import find_damage, read_manifest, write_manifest
from pali3kit.plan.step import Step

STEP = Step(
    "mask_tokenizer", "les masques é", Loose({"mask_tokenizer": {"name": "vqvae"}, "rate": 0.1, "big": 10**30}), seed=3
)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "weights").write_bytes(b"abc")
    (tmp_path / "deep" / "curve.csv").write_bytes(b"")
    write_manifest(tmp_path, STEP, 1.23456, 2, {"device": "cpu"})
    return tmp_path / manifests.MANIFEST


def test_every_file_has_its_size_and_its_digest(file):
    found = read_manifest(file)
    assert found["files"] == {"deep/curve.csv": 0, "weights": 3} and found["modified"] == {}
    assert found["sha256"]["weights"] == hashlib.sha256(b"abc").hexdigest()
    assert (found["label"], found["seconds"], found["versions"]["device"]) == (STEP.label, 1.235, "cpu")
    assert found["config"] == STEP.plain and list(found)[-1] == "seal"


def test_what_is_not_written_to_its_end_is_no_file_of_an_artifact(file):
    (file.parent / "deep" / "curve.csv.another.7.partial").write_bytes(b"step,lo")
    write_manifest(file.parent, STEP, 1.0, 1, {})
    assert read_manifest(file)["files"] == {"deep/curve.csv": 0, "weights": 3}


def test_the_time_of_large_files_is_kept(file, monkeypatch):
    monkeypatch.setattr(manifests, "LARGE", 2)
    write_manifest(file.parent, STEP, 1.0, 1, {})
    found = read_manifest(file)
    assert found["modified"] == {"weights": (file.parent / "weights").stat().st_mtime_ns}


def test_any_flipped_byte_of_a_manifest_is_noticed(file):
    data, rng = file.read_bytes(), random.Random(0)
    for position in range(len(data)):
        spoilt = bytearray(data)
        spoilt[position] ^= 1 << rng.randrange(8)
        file.write_bytes(spoilt)
        with pytest.raises(ValueError, match=r"manifest\.json cannot be read"):
            read_manifest(file)


def test_a_changed_manifest_is_noticed_though_it_is_json(file):
    for key, value in (("seconds", 0.1), ("digest", "0" * 64), ("files", {}), ("seal", "0")):
        changed = {**json.loads(file.read_bytes()), key: value}
        file.write_text(json.dumps(changed, indent=2))
        with pytest.raises(ValueError, match="other bytes than were written"):
            read_manifest(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "Expecting value"), (b"[]", "not a mapping"), (b"\xff", "decode"), (b"[" * 100_000, "nested too deep"),
        (b"{}", "no 'kind'"), (b"\x00" * 40, "Expecting value|decode"),
        (b'{"kind": 1, "digest": 2, "seconds": 3, "threads": 4, "host": 5, "files": {}}', "its 'kind' is '1'"),
        (b'{"kind": 1, "digest": 2, "seconds": 3, "threads": 4, "host": {}, "files": 6}', "its 'kind' is '1'"),
    ],
)  # fmt: skip
def test_what_is_not_a_manifest_is_reported(file, text, words):
    file.write_bytes(text)
    with pytest.raises(ValueError, match=words) as raised:
        read_manifest(file)
    assert str(file) in str(raised.value)


def test_one_without_digests_is_read_as_it_is(file):
    """Version 0.1 wrote neither digests nor a seal."""
    old = {key: value for key, value in read_manifest(file).items() if key not in ("sha256", "modified", "seal")}
    file.write_text(json.dumps(old))
    assert read_manifest(file) == old


def test_one_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"manifest\.json cannot be read \(No such file or directory\)"):
        read_manifest(tmp_path / "manifest.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", ["evaluate"]), ("digest", 12), ("units", float("inf")), ("seconds", None), ("seconds", "1.5"),
        ("seconds", float("nan")), ("seconds", -1), ("seconds", 10**400), ("seconds", True), ("threads", "two"),
        ("host", []), ("host", {}), ("host", {"processor": "x"}), ("versions", "2.0"), ("files", ["weights"]),
        ("files", {"weights": "3"}), ("files", {"weights": None}),
    ],
)  # fmt: skip
def test_invalid_values_are_damage(file, key, value):
    """Manifests of 0.1 have no seal; an invalid value in one is an error when it is read."""
    old = {name: each for name, each in read_manifest(file).items() if name not in ("seal", "sha256", "modified")}
    file.write_text(json.dumps(old | {key: value}))
    with pytest.raises(ValueError, match=rf"manifest.json cannot be read \(its '{key}' is "):
        read_manifest(file)


def test_a_named_pipe_does_not_block(tmp_path):
    os.mkfifo(tmp_path / manifests.MANIFEST)
    with pytest.raises(ValueError, match="it is not a regular file"):
        read_manifest(tmp_path / manifests.MANIFEST)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "a").write_bytes(b"aaaa")
    (tmp_path / "b").write_bytes(b"b")
    return tmp_path


@pytest.fixture
def manifest(folder, monkeypatch):
    monkeypatch.setattr(manifests, "LARGE", 2)
    write_manifest(folder, Step("mask_tokenizer", "mask_tokenizer", Loose({})), 1.0, 1, {})
    return read_manifest(folder / manifests.MANIFEST)


def test_undamaged_files(folder, manifest):
    assert find_damage(folder, manifest) is None and find_damage(folder, manifest, full=True) is None


def test_sizes_are_compared(folder, manifest):
    (folder / "a").write_bytes(b"aaa")
    assert find_damage(folder, manifest, digests=False) == f"{folder / 'a'} has 3 bytes instead of 4"
    (folder / "a").unlink()
    assert find_damage(folder, manifest, digests=False) == f"{folder / 'a'} is missing"


def test_a_small_file_is_always_read(folder, manifest):
    before = (folder / "b").stat()
    (folder / "b").write_bytes(b"c")
    os.utime(folder / "b", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find_damage(folder, manifest) == f"{folder / 'b'} has other bytes than were written: its sha256 differs"


def test_a_large_file_of_the_same_time_is_read_with_full_verification(folder, manifest):
    before = (folder / "a").stat()
    (folder / "a").write_bytes(b"aaab")
    os.utime(folder / "a", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert find_damage(folder, manifest) is None
    assert "a has other bytes" in find_damage(folder, manifest, full=True)


def test_a_large_file_of_another_time_is_read(folder, manifest):
    """A copied file is undamaged, one that was modified is not."""
    os.utime(folder / "a", ns=(1, 1))
    assert find_damage(folder, manifest) is None
    (folder / "a").write_bytes(b"aaab")
    assert "a has other bytes" in find_damage(folder, manifest)


def test_a_file_that_cannot_be_read_is_reported(folder, manifest, monkeypatch):
    def broken(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(manifests, "sha256_of", broken)
    assert find_damage(folder, manifest) == f"{folder / 'b'} cannot be read (Input/output error)"


def test_without_digests_there_is_nothing_to_compare(folder, manifest):
    (folder / "b").write_bytes(b"c")
    assert find_damage(folder, {"files": manifest["files"]}) is None


def test_a_name_that_no_file_can_have_is_missing(tmp_path):
    for name in ("x" * 5000, "a\0b"):
        assert find_damage(tmp_path, {"files": {name: 1}}).endswith("is missing")
