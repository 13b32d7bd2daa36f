"""`clean` removes what no known run needs, and nothing else."""

from __future__ import annotations

import io
import json
import os
import shutil

import pytest
from fakes import Loose
from rich.console import Console

from pali3kit.errors import DataError
from pali3kit.execution.clean import clean_store
from pali3kit.execution.known_runs import record_run
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step


def publish(store, step):
    store.work(step).mkdir(parents=True)
    (store.work(step) / "weights").write_bytes(b"w" * 1000)
    store.publish(step, 1.0, 1)


@pytest.fixture
def stray():
    return Step("vision", "stray", Loose({"n": "nobody's"}))


@pytest.fixture
def store(experiment, stray, tmp_path):
    """Two artifacts of a run, one of nobody, and one that nobody went on with."""
    store = Store(tmp_path / "store")
    folder = tmp_path / "fake"
    folder.mkdir()
    store.root.mkdir()
    record_run(store, folder, experiment)
    for step in [*build(experiment).steps[:2], stray]:
        publish(store, step)
    left = store.work(Step("vision", "left", Loose({"n": "unfinished"})))
    left.mkdir(parents=True)
    (left / "checkpoint").write_bytes(b"c" * 500)
    return store


def cleaned(store, dry_run=False):
    console = Console(file=io.StringIO(), width=300)
    size = clean_store(store.root, dry_run, console)
    return size, console.file.getvalue()


def artifacts(store):
    return {path.name for path in store.root.glob("*-*")}


def test_a_dry_run_tells_and_removes_nothing(store, stray, tmp_path):
    before = artifacts(store)
    size, told = cleaned(store, dry_run=True)
    assert artifacts(store) == before and size > 1500
    assert f"needed  {tmp_path / 'fake'}" in told and "unneeded 2 x vision" in told
    assert "without --dry-run" in told


def test_what_no_run_needs_is_removed_with_unfinished_work(store, stray, experiment):
    dry, _ = cleaned(store, dry_run=True)
    size, told = cleaned(store)
    assert size == dry and "removed  2 x vision" in told
    assert artifacts(store) == {step.name for step in build(experiment).steps[:2]}
    assert not [path for path in (store.root / "work").iterdir() if path.is_dir()]
    assert cleaned(store)[0] == 0


def test_what_a_process_works_on_is_left(store, stray):
    with store.lock(stray) as mine:
        assert mine
        _, told = cleaned(store)
    assert f"at work {store.root / stray.name}: left" in told
    assert stray.name in artifacts(store)


def test_a_run_of_another_machine_loses_nothing(store, experiment, stray, tmp_path):
    [record] = (store.root / "runs").glob("*.json")
    value = json.loads(record.read_text()) | {"host": "another", "folder": "/elsewhere/run"}
    (store.root / "runs" / "0123456789ab.json").write_text(json.dumps(value))
    shutil.rmtree(tmp_path / "fake")
    _, told = cleaned(store)
    assert f"gone    {tmp_path / 'fake'}" in told and "needed  /elsewhere/run on another" in told
    assert artifacts(store) == {step.name for step in build(experiment).steps[:2]}
    assert not record.exists()


@pytest.mark.parametrize("damage", ["no run", "no store", "unreadable"])
def test_without_knowledge_nothing_is_removed(store, tmp_path, damage):
    before = artifacts(store)
    [record] = (store.root / "runs").glob("*.json")
    if damage == "no run":
        shutil.rmtree(tmp_path / "fake")
    if damage == "unreadable":
        record.write_text(record.read_text().replace("seeds", "sedes"))
    with pytest.raises(DataError, match=r"knows no run|cannot be told|there is no folder"):
        clean_store(tmp_path / "none" if damage == "no store" else store.root, dry_run=False)
    assert artifacts(store) == before


def test_a_link_is_removed_and_never_what_it_leads_to(store, stray, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    (store.root / stray.name).rename(elsewhere)
    (store.root / stray.name).symlink_to(elsewhere)
    (store.root / "work" / "vision-0123456789ab").symlink_to(elsewhere)
    os.utime(elsewhere, (1, 1))  # whose age is not that of the links
    size, told = cleaned(store)
    assert "removed  3 x vision" in told and size < 1000 and "in 3 folders of" in told
    assert artifacts(store) < {path.name for path in store.root.iterdir()} and stray.name not in artifacts(store)
    assert (elsewhere / "weights").stat().st_size == 1000


def test_what_is_older_than_the_records_is_left(store, stray):
    os.utime(store.root / stray.name, (1, 1))
    _, told = cleaned(store)
    assert "left    1 folder older than the store's records" in told and "removed  1 x vision" in told
    assert stray.name in artifacts(store)
    (store.root / "runs" / "begin").unlink()
    assert cleaned(store)[0] == 0 and stray.name in artifacts(store)
