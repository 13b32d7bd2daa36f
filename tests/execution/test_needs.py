"""What a run makes, copies and leaves alone, with artifacts in several places."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import fakes
import pytest

from pali3kit.errors import StageError
from pali3kit.execution import needs
from pali3kit.execution.needs import copy_parents, find_needs, gather, sources
from pali3kit.execution.places import RemotePlace
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build

STAGE_0 = ("tokenizer", "vision", "language", "mask_tokenizer")


@pytest.fixture
def graph(experiment):
    return build(experiment)


@pytest.fixture
def lab(finished, graph, tmp_path):
    """A store with the finished run's stage 0 alone, without the corpus."""
    for step in graph.steps:
        if step.kind in STAGE_0:
            shutil.copytree(finished.root / "store" / step.name, tmp_path / "lab" / step.name)
    return tmp_path / "lab"


@pytest.fixture
def everything(finished):
    return finished.root / "store"


def kinds(steps):
    return {step.kind for step in steps}


def spoil(folder):
    data = bytearray((folder / "weights.safetensors").read_bytes())
    data[0] ^= 1
    (folder / "weights.safetensors").write_bytes(data)


def snapshot(root):
    return {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [root, *root.rglob("*")]}


def test_what_a_folder_has_is_neither_made_nor_copied_nor_touched(graph, lab, tmp_path):
    before = snapshot(lab)
    store = Store(tmp_path / "store", read_from=[str(lab)])
    found = gather(graph, store, print)
    assert kinds(found.done) == set(STAGE_0) and kinds(found.unneeded) == {"corpus"} and not found.copy
    assert len(found.make) == len(graph.steps) - len(found.done) - 1 and found.total == len(graph.steps)
    assert sources(found, store) == f"{len(found.done)} in {lab}, 1 is not needed"
    assert all(store.path(step) == lab / step.name for step in found.done)
    assert all(store.path(step) == tmp_path / "store" / step.name for step in found.make)
    assert snapshot(lab) == before and not (tmp_path / "store").exists()


def test_an_empty_list_makes_all_anew(graph, tmp_path):
    found = find_needs(graph, Store(tmp_path / "store"))
    assert found.make == graph.steps and not sources(found, Store(tmp_path / "store"))


def test_a_place_in_which_nothing_was_found_is_told(graph, lab, tmp_path):
    (tmp_path / "other").mkdir()
    places = ["package", str(lab), f"file://{tmp_path}/nowhere", str(tmp_path / "other")]
    store = Store(tmp_path / "store", read_from=places)
    found = find_needs(graph, store)
    nothing = f"0 in file://{tmp_path}/nowhere, 0 in {tmp_path}/other"
    assert sources(found, store) == f"{len(found.done)} in {lab}, {nothing}, 1 is not needed"


def test_a_url_is_copied_as_far_as_something_reads_it(graph, everything, tmp_path):
    """Reports read evaluations alone here, as the fakes have no curves; and nothing must run."""
    store, said = Store(tmp_path / "store", read_from=[f"file://{everything}"]), []
    planned = find_needs(graph, store)
    assert not planned.make and not (tmp_path / "store").exists()
    assert kinds(planned.copy) == {"probe", "evaluate"}
    assert kinds(planned.unread) == set(fakes.KINDS) - {"probe", "evaluate"}
    assert sources(planned, store) == f"{len(graph.steps)} in file://{everything}"
    found = gather(graph, store, said.append)
    assert kinds(found.done) == kinds(planned.copy) and not found.make
    assert any(f"probe siglip: copying it from file://{everything}" in line for line in said)
    assert Store(tmp_path / "store").missing(found.done) == []
    assert not list((tmp_path / "store" / "work").iterdir())


def test_the_first_whole_one_wins_and_what_is_damaged_is_told(graph, lab, everything, tmp_path):
    vision = next(step for step in graph.steps if step.kind == "vision")
    spoil(lab / vision.name)
    said: list[str] = []
    store = Store(tmp_path / "store", read_from=[str(lab), str(everything)])
    gather(graph, store, said.append)
    assert store.path(vision) == everything / vision.name
    assert said == [
        f"{vision.label}: {lab / vision.name / 'weights.safetensors'} has other bytes than were written: its sha256 "
        "differs: passed over"
    ]
    others = [step for step in graph.steps if step.kind in STAGE_0 and step is not vision]
    assert {store.path(step).parent for step in others} == {lab}


def test_a_damaged_copy_is_told_and_made_or_read_from_the_next_place(graph, lab, tmp_path):
    vision = next(step for step in graph.steps if step.kind == "vision")
    shutil.copytree(lab, tmp_path / "whole")
    spoil(lab / vision.name)
    for name, places in [("alone", []), ("next", [str(tmp_path / "whole")])]:
        said: list[str] = []
        store = Store(tmp_path / name, read_from=[f"file://{lab}", *places])
        found = gather(graph, store, said.append)
        assert [line for line in said if "sha256 differs: passed over" in line and vision.label in line]
        assert (vision in found.make) == (not places)
        assert not (tmp_path / name / vision.name).exists()
        assert store.path(vision).parent == tmp_path / ("whole" if places else name)


def test_a_damaged_artifact_of_the_store_is_made_again_even_if_nothing_needs_it(graph, everything, tmp_path):
    shutil.copytree(everything, tmp_path / "store")
    language = next(step for step in graph.steps if step.kind == "language")
    spoil(tmp_path / "store" / language.name)
    assert find_needs(graph, Store(tmp_path / "store")).make == [language]
    shutil.rmtree(tmp_path / "store" / language.name)
    found = find_needs(graph, Store(tmp_path / "store"))
    assert not found.make and found.unneeded == [language]


def test_only_one_process_copies(graph, lab, tmp_path, monkeypatch):
    """The other one waits, and finds the copy."""
    monkeypatch.setattr(needs, "LOCK_RETRY_SECONDS", 0.01)
    begun, go, copies = threading.Event(), threading.Event(), []
    copy = RemotePlace.copy

    def slow(self, step, *rest):
        copies.append(step.label)
        begun.set()
        assert go.wait(60)
        copy(self, step, *rest)

    monkeypatch.setattr(RemotePlace, "copy", slow)
    said: list[list[str]] = [[], []]
    stores = [Store(tmp_path / "store", read_from=[f"file://{lab}"]) for _ in said]
    step = next(step for step in graph.steps if step.kind == "language")
    child = next(each for each in graph.steps if step in each.parents.values())
    threads = [
        threading.Thread(target=copy_parents, args=(child, store, lines.append))
        for store, lines in zip(stores, said, strict=True)
    ]
    threads[0].start()
    assert begun.wait(60)
    threads[1].start()
    while not said[1]:
        time.sleep(0.01)
    go.set()
    for thread in threads:
        thread.join(60)
    assert len(copies) == len(set(copies)) and step.label in copies
    assert "another process is copying or making it" in said[1][0]
    assert all(store.done(step) and store.place(step) == str(tmp_path / "store") for store in stores)


def test_a_url_is_asked_for_many_artifacts_at_once(graph, tmp_path, monkeypatch):
    """An answer takes a tenth of a second, whatever the number of cores."""
    together = threading.Barrier(8, timeout=20)
    monkeypatch.setattr(RemotePlace, "has", lambda self, *_: together.wait() < 0)
    monkeypatch.setattr("pali3kit.execution.store.cores", lambda: 1)
    steps = graph.steps[:16]
    assert Store(tmp_path / "store", read_from=["memory://lab"]).missing(steps) == steps


def test_a_killed_copy_leaves_no_half_artifact_and_goes_on(graph, lab, tmp_path):
    vision = next(step for step in graph.steps if step.kind == "vision")
    program = f"""
import os, signal
from pali3kit.execution import needs, places
from pali3kit.plan.graph import build
import fakes
from pali3kit.execution.store import Store
from pathlib import Path
fakes.install()
root = Path({str(tmp_path)!r})
download = places.RemotePlace._download
def dying(self, name, file, progress):
    if "vision" in name and name.endswith("weights.safetensors"):
        file.write_bytes(b"half")
        os.kill(os.getpid(), signal.SIGKILL)
    download(self, name, file, progress)
places.RemotePlace._download = dying
needs.gather(build(fakes.experiment(root)), Store(root / "store", read_from=["file://{lab}"]), print)
"""
    paths = os.pathsep.join([str(fakes.__file__).rpartition("/")[0], os.environ.get("PYTHONPATH", "")])
    died = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": paths}, timeout=120)
    assert died.returncode == -signal.SIGKILL
    copied = list((tmp_path / "store" / "work").glob("vision-*.copied"))
    assert [(each / "weights.safetensors").read_bytes() for each in copied] == [b"half"]
    assert not list((tmp_path / "store").glob("vision-*"))
    store = Store(tmp_path / "store", read_from=[f"file://{lab}"])
    gather(graph, store, print)
    assert store.path(vision) == tmp_path / "store" / vision.name and store.done(vision)
    assert not list((tmp_path / "store" / "work").glob("*.copied"))


def test_a_damaged_artifact_of_the_store_is_told_and_read_from_elsewhere(graph, lab, tmp_path):
    language = next(step for step in graph.steps if step.kind == "language")
    for name, place in [("in_place", str(lab)), ("copied", f"file://{lab}")]:
        own = tmp_path / name / language.name
        shutil.copytree(lab / language.name, own)
        spoil(own)
        said: list[str] = []
        store = Store(tmp_path / name, read_from=[place])
        assert language in gather(graph, store, said.append).done
        assert store.path(language) == (own if name == "copied" else lab / language.name)
        [told] = [line for line in said if "passed over" in line]
        assert told.startswith(f"language: {own}/weights.safetensors has other bytes")
        assert Store(tmp_path / name).done(language) == (name == "copied")


def test_a_place_that_is_gone_is_an_error(graph, tmp_path):
    with pytest.raises(StageError, match=f"{tmp_path}/lab of runtime.read_from is not there: mount it"):
        find_needs(graph, Store(tmp_path / "store", read_from=["package", str(tmp_path / "lab")]))


def test_a_full_disk_is_told_as_such(graph, lab, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    store = Store(tmp_path / "store", read_from=[f"file://{lab}"])
    monkeypatch.setattr("fsspec.implementations.local.LocalFileSystem.get_file", full)
    with pytest.raises(StageError, match="no space left on the file system of"):
        gather(graph, store, print)
