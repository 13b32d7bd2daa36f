"""Manifests: described, sealed to the byte, read with suspicion."""

from __future__ import annotations

import hashlib
import json
import os
import random

import pytest
from fakes import Loose

from pali3kit.execution import manifest as manifests
from pali3kit.execution.manifest import describe, read, sealed
from pali3kit.plan.step import Step

STEP = Step("masks", "les masques é", Loose({"masks": {"name": "vqvae"}, "rate": 0.1, "big": 10**30}), seed=3)


@pytest.fixture
def file(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "weights").write_bytes(b"abc")
    (tmp_path / "deep" / "curve.csv").write_bytes(b"")
    path = tmp_path / manifests.MANIFEST
    path.write_bytes(sealed(describe(STEP, tmp_path, 1.23456, 2, {"device": "cpu"})))
    return path


def test_every_file_has_its_size_and_its_digest(file):
    found = read(file)
    assert found["files"] == {"deep/curve.csv": 0, "weights": 3} and found["modified"] == {}
    assert found["sha256"]["weights"] == hashlib.sha256(b"abc").hexdigest()
    assert (found["label"], found["seconds"], found["versions"]["device"]) == (STEP.label, 1.235, "cpu")
    assert found["config"] == STEP.plain and list(found)[-1] == "seal"


def test_the_time_of_large_files_is_kept(file, monkeypatch):
    monkeypatch.setattr(manifests, "LARGE", 2)
    found = describe(STEP, file.parent, 1.0, 1, {})
    assert found["modified"] == {"weights": (file.parent / "weights").stat().st_mtime_ns}


def test_any_flipped_byte_of_a_manifest_is_noticed(file):
    data, rng = file.read_bytes(), random.Random(0)
    for position in range(len(data)):
        spoilt = bytearray(data)
        spoilt[position] ^= 1 << rng.randrange(8)
        file.write_bytes(spoilt)
        with pytest.raises(ValueError, match=r"manifest\.json cannot be read"):
            read(file)


def test_a_changed_manifest_is_noticed_though_it_is_json(file):
    for key, value in (("seconds", 0.1), ("digest", "0" * 64), ("files", {}), ("seal", "0")):
        changed = {**json.loads(file.read_bytes()), key: value}
        file.write_text(json.dumps(changed, indent=2))
        with pytest.raises(ValueError, match="other bytes than were written"):
            read(file)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "Expecting value"), (b"[]", "no mapping"), (b"\xff", "decode"), (b"[" * 100_000, "nested too deep"),
        (b"{}", "no 'kind'"), (b"\x00" * 40, "Expecting value|decode"),
        (b'{"kind": 1, "digest": 2, "seconds": 3, "threads": 4, "host": 5, "files": {}}', "its 'kind' is '1'"),
        (b'{"kind": 1, "digest": 2, "seconds": 3, "threads": 4, "host": {}, "files": 6}', "its 'kind' is '1'"),
    ],
)  # fmt: skip
def test_what_is_no_manifest_is_told(file, text, words):
    file.write_bytes(text)
    with pytest.raises(ValueError, match=words) as raised:
        read(file)
    assert str(file) in str(raised.value)


def test_one_without_digests_is_read_as_it_is(file):
    """Version 0.1 left neither digests nor a seal."""
    old = {key: value for key, value in read(file).items() if key not in ("sha256", "modified", "seal")}
    file.write_text(json.dumps(old))
    assert read(file) == old


def test_one_that_is_not_there(tmp_path):
    with pytest.raises(ValueError, match=r"manifest\.json cannot be read \(No such file or directory\)"):
        read(tmp_path / "manifest.json")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("kind", ["evaluate"]), ("digest", 12), ("units", float("inf")), ("seconds", None), ("seconds", "1.5"),
        ("seconds", float("nan")), ("seconds", -1), ("seconds", 10**400), ("seconds", True), ("threads", "two"),
        ("host", []), ("host", {}), ("host", {"processor": "x"}), ("versions", "2.0"), ("files", ["weights"]),
        ("files", {"weights": "3"}), ("files", {"weights": None}),
    ],
)  # fmt: skip
def test_what_its_readers_cannot_count_with_is_damage(file, key, value):
    """Those of 0.1 have no seal: who changed one by hand is told so, and no reader stumbles over it."""
    old = {name: each for name, each in read(file).items() if name not in ("seal", "sha256", "modified")}
    file.write_text(json.dumps(old | {key: value}))
    with pytest.raises(ValueError, match=rf"manifest.json cannot be read \(its '{key}' is "):
        read(file)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / manifests.MANIFEST)
    with pytest.raises(ValueError, match="it is no file"):
        read(tmp_path / manifests.MANIFEST)
