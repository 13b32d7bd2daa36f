"""Stores know the runs that use them, and what each needs."""

from __future__ import annotations

import json
import shutil

import pytest

from pali3kit.config.saved import to_yaml
from pali3kit.errors import DataError
from pali3kit.execution import known_runs as runs
from pali3kit.execution.known_runs import known_runs, record_run
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build


def test_a_run_records_itself_and_a_second_one_touches_nothing(experiment, tmp_path):
    store, folder = Store(tmp_path / "store"), tmp_path / "elsewhere" / "fake"
    store.root.mkdir()
    folder.mkdir(parents=True)
    assert record_run(store, folder, experiment) == []
    [run] = known_runs(store.root)
    assert (run.folder, run.is_gone) == (folder, False)
    assert run.artifacts == {step.name for step in build(experiment).steps}
    before = run.record.stat().st_mtime_ns
    record_run(store, folder, experiment)
    assert run.record.stat().st_mtime_ns == before


def test_an_experiment_that_is_recorded_and_reported_alike_is_planned_once(experiment, tmp_path, monkeypatch):
    store, folder, planned = Store(tmp_path / "store"), tmp_path / "fake", []
    store.root.mkdir()
    record_run(store, folder, experiment)
    (folder / "experiment.yaml").write_text(to_yaml(experiment), encoding="utf-8")
    monkeypatch.setattr(runs, "build", lambda each: planned.append(each) or build(each))
    [run] = known_runs(store.root)
    assert run.artifacts == {step.name for step in build(experiment).steps} and len(planned) == 1


def test_a_run_that_has_begun_and_written_nothing_is_not_gone(experiment, tmp_path):
    (tmp_path / "store").mkdir()
    record_run(Store(tmp_path / "store"), tmp_path / "runs" / "fake", experiment)
    [run] = known_runs(tmp_path / "store")
    assert not run.is_gone


def test_stores_that_are_read_from_know_it_too(experiment, tmp_path):
    for name in ("store", "shared"):
        (tmp_path / name).mkdir()
    store = Store(tmp_path / "store", read_from=[str(tmp_path / "shared"), str(tmp_path / "absent"), "package"])
    record_run(store, tmp_path / "fake", experiment)
    assert [len(known_runs(tmp_path / name)) for name in ("store", "shared")] == [1, 1]
    assert not (tmp_path / "absent").exists()


def test_a_store_that_cannot_be_written_to_is_told(experiment, tmp_path):
    store = Store(tmp_path / "store")
    store.root.mkdir()
    (store.root / "runs").write_text("a file, where records should be")
    [line] = record_run(store, tmp_path / "fake", experiment)
    assert line.startswith(f"{store.root} cannot record this run (")


def test_a_run_beside_its_store_needs_no_record(finished):
    [run] = known_runs(finished.root / "runs" / "store") or known_runs(finished.root / "store")
    assert run.folder == finished.root / "runs" / "fake"


def test_artifacts_of_another_version_that_a_report_rests_on_are_needed(experiment, tmp_path):
    store, folder = Store(tmp_path / "store"), tmp_path / "fake"
    for path in (store.root, folder):
        path.mkdir()
    record_run(store, folder, experiment)
    stage = {"kind": "vision", "digest": "ab" * 32, "status": "done"}
    (folder / "report.json").write_text(json.dumps({"stages": [stage]}))
    [run] = known_runs(store.root)
    assert "vision-abababababab" in run.artifacts


def test_a_run_on_another_machine_is_never_gone(experiment, tmp_path, monkeypatch):
    store, folder = Store(tmp_path / "store"), tmp_path / "fake"
    for path in (store.root, folder):
        path.mkdir()
    record_run(store, folder, experiment)
    shutil.rmtree(folder)
    assert [run.is_gone for run in known_runs(store.root)] == [True]
    monkeypatch.setattr("platform.node", lambda: "another")
    assert [run.is_gone for run in known_runs(store.root)] == [False]


def test_what_cannot_be_told_is_an_error(experiment, tmp_path):
    store = Store(tmp_path / "store")
    store.root.mkdir()
    record_run(store, tmp_path / "fake", experiment)
    [run] = known_runs(store.root)
    text = run.record.read_text()
    run.record.write_text(text.replace("seeds", "sedes"))
    with pytest.raises(DataError, match=r"needs cannot be told: .*unknown key 'sedes'"):
        _ = known_runs(store.root)[0].artifacts
    run.record.write_text(text[: len(text) // 2])
    with pytest.raises(DataError, match="is no record of a run: JSONDecodeError"):
        known_runs(store.root)
