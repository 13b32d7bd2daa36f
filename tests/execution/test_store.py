from __future__ import annotations

import errno
import json
import os
import shutil
from dataclasses import dataclass, field

import pytest
from fakes import Loose

from pali3kit.config.runtime import Runtime
from pali3kit.config.stages import Training
from pali3kit.durable import sha256_of
from pali3kit.errors import StageError
from pali3kit.execution import manifest as manifests
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.training.context import CHECKPOINTS


@dataclass(frozen=True)
class Trained(Loose):
    """With ten examples, as units count them."""

    training: Training = field(default_factory=lambda: Training(examples=10, batch_size=2))


STEP = Step(
    "mask_tokenizer", "the masks", Trained({"mask_tokenizer": {"name": "vqvae"}, "training": {"examples": 10}}), seed=3
)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def make(store, step=STEP, weights="weights"):
    folder = store.work(step)
    (folder / "deep").mkdir(parents=True)
    (folder / "weights.safetensors").write_text(weights)
    (folder / "deep" / "curve.csv").write_text("step\n")
    return store.publish(step, seconds=1.5, threads=2)


def test_publish_moves_the_whole_folder_and_describes_it(store):
    assert not store.done(STEP)
    folder = make(store)
    assert folder == store.path(STEP) and store.done(STEP) and not store.work(STEP).exists()
    manifest = store.manifest(STEP)
    assert manifest["digest"] == STEP.digest and manifest["seed"] == 3 and manifest["label"] == "the masks"
    assert (manifest["seconds"], manifest["threads"], manifest["units"]) == (1.5, 2, 10)
    assert sorted(manifest["files"]) == ["config.yaml", "deep/curve.csv", "weights.safetensors"]
    assert (folder / "config.yaml").read_text() == "mask_tokenizer:\n  name: vqvae\ntraining:\n  examples: 10\n"
    assert [read["kind"] for read in store.manifests()] == ["mask_tokenizer"]


def test_others_can_read_what_is_published(store):
    """safetensors makes files of mode 0600."""
    folder = store.work(STEP)
    folder.mkdir(parents=True)
    (folder / "weights.safetensors").write_text("weights")
    (folder / "weights.safetensors").chmod(0o600)
    published = store.publish(STEP, seconds=1.5, threads=2)
    (published / "plain").touch()
    assert {file.stat().st_mode for file in published.iterdir()} == {(published / "plain").stat().st_mode}


def test_checkpoints_are_kept_until_the_artifact_is_written(store, monkeypatch):
    checkpoint = store.work(STEP) / CHECKPOINTS / "step-3"
    checkpoint.mkdir(parents=True)
    (checkpoint / "state.json").write_text("{}")

    def killed(*paths):
        raise KeyboardInterrupt

    with monkeypatch.context() as while_reading:
        while_reading.setattr(manifests, "sha256_of", killed)
        with pytest.raises(KeyboardInterrupt):
            make(store)
    assert (checkpoint / "state.json").exists() and not store.path(STEP).exists()
    shutil.rmtree(store.work(STEP) / "deep")
    folder = make(store)
    assert not (folder / CHECKPOINTS).exists() and store.done(STEP)
    assert sorted(store.manifest(STEP)["files"]) == ["config.yaml", "deep/curve.csv", "weights.safetensors"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda folder: (folder / "weights.safetensors").unlink(), "weights.safetensors is missing"),
        (lambda folder: (folder / "weights.safetensors").write_text("w"), "has 1 bytes instead of 7"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), "manifest.json cannot be read"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json cannot be read"),
        (lambda folder: (folder / "manifest.json").write_bytes(b"\xff"), "manifest.json cannot be read"),
    ],
)
def test_damage_is_not_done_and_is_replaced(store, spoil, words):
    spoil(make(store))
    assert not store.done(STEP)
    assert words in store.damage(STEP)
    make(store, weights="new weights")
    assert store.done(STEP)
    assert (store.path(STEP) / "weights.safetensors").read_text() == "new weights"
    assert not any(store.root.glob("work/*"))


@pytest.mark.parametrize("name", ["weights.safetensors", "deep/curve.csv", "config.yaml", "manifest.json"])
def test_a_flipped_byte_of_any_file_is_damage_and_is_healed(store, name):
    path = make(store) / name
    assert store.done(STEP)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    assert str(path) in store.damage(STEP)
    assert not Store(store.root).done(STEP) and Store(store.root).missing([STEP]) == [STEP]
    make(store)
    assert Store(store.root).done(STEP) and store.missing([STEP]) == []


def test_digests_are_compared_once_in_a_run(store, monkeypatch):
    make(store)
    read = []
    monkeypatch.setattr(manifests, "sha256_of", lambda path: read.append(path.name) or sha256_of(path))
    for _ in range(3):
        assert store.done(STEP)
    assert sorted(read) == ["config.yaml", "curve.csv", "weights.safetensors"]
    (store.path(STEP) / "config.yaml").unlink()  # sizes are compared in every call
    assert not store.done(STEP)


def test_an_artifact_of_version_0_1_counts_by_its_sizes(store):
    file = make(store) / "manifest.json"
    old = {key: value for key, value in store.manifest(STEP).items() if key not in ("sha256", "modified", "seal")}
    file.write_text(json.dumps(old, indent=2) + "\n")
    (store.path(STEP) / "weights.safetensors").write_text("weightz")
    assert store.done(STEP)
    (store.path(STEP) / "weights.safetensors").write_text("weight")
    assert not store.done(STEP)


def test_a_configuration_may_want_large_files_verified_too():
    assert not Store.of(Runtime(store="s")).full and Store.of(Runtime(store="s", verify="full")).full


def test_what_a_kill_left_of_a_damaged_artifact_is_no_obstacle(store):
    (make(store) / "weights.safetensors").write_text("w")
    left = store.work(STEP).with_suffix(".damaged")
    left.mkdir(parents=True)
    (left / "weights.safetensors").touch()
    make(store)
    assert store.done(STEP) and not any(store.root.glob("work/*"))


def test_another_stages_folder_is_refused(store):
    other = Step("mask_tokenizer", "others", Loose({}))
    make(store, other)
    shutil.copytree(store.path(other), store.path(STEP))
    with pytest.raises(
        StageError, match=f"holds the artifact {other.digest[:12]}, but the masks is {STEP.digest[:12]}"
    ):
        store.done(STEP)


def test_a_lock_is_exclusive_and_leaves_nothing(store):
    with store.lock(STEP) as mine:
        assert mine
        with Store(store.root).lock(STEP) as theirs:
            assert not theirs
    with store.lock(STEP) as again:
        assert again
    assert not any(store.root.glob("work/*.lock"))


def test_a_lock_file_that_was_left_behind_does_not_lock(store):
    lock = store.work(STEP).with_suffix(".lock")
    lock.parent.mkdir(parents=True)
    lock.touch()
    with store.lock(STEP) as mine:
        assert mine


def test_a_lock_on_a_removed_file_does_not_count(store, monkeypatch):
    real = os.open

    def open_and_remove(path, *arguments):
        descriptor = real(path, *arguments)
        os.unlink(path)
        return descriptor

    store.work(STEP).parent.mkdir(parents=True)
    monkeypatch.setattr(os, "open", open_and_remove)
    with store.lock(STEP) as mine:
        assert not mine


def test_a_full_disk_is_explained(store):
    for error in (OSError(errno.ENOSPC, "No space"), RuntimeError("io: No space left on device (os error 28)")):
        told = store.disk_full(error)
        assert isinstance(told, StageError) and "free some and run the same command again" in str(told)
        wrapped = ValueError("saving failed")
        wrapped.__cause__ = error
        assert store.disk_full(wrapped) is not None
    assert store.disk_full(ValueError("another")) is None


def test_a_full_disk_while_publishing_loses_nothing(store, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError):
        make(store)
    assert not store.done(STEP)
    assert (store.work(STEP) / "weights.safetensors").read_text() == "weights"
    monkeypatch.undo()
    assert store.publish(STEP, 1.0, 1) and store.done(STEP)
    assert "manifest.json" not in json.loads((store.path(STEP) / "manifest.json").read_text())["files"]
