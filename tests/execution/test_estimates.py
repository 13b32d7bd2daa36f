from __future__ import annotations

import errno
import json
from dataclasses import replace
from multiprocessing import Pipe
from pathlib import Path
from types import SimpleNamespace

import pytest

from pali3kit.execution import estimates
from pali3kit.execution.estimates import Forecast
from pali3kit.execution.messages import Calibrated, Profiled
from pali3kit.execution.store import Store
from pali3kit.execution.workload import units
from pali3kit.plan.graph import build
from pali3kit.training.context import MemoryProfile, StageCost


def store_of(experiment):
    return Store(Path(experiment.runtime.store))


def publish(store, step, seconds, threads=1):
    store.work(step).mkdir(parents=True)
    store.publish(step, seconds, threads)


def test_history_of_the_same_shape_beats_that_of_the_kind(experiment):
    store = store_of(experiment)
    steps = {step.label: step for step in build(experiment).steps}
    assert Forecast(store, 1).estimate(steps["transfer/vqa classif"]).origin == "unknown"
    publish(store, steps["transfer/refer classif"], 50.0)
    assert Forecast(store, 1).estimate(steps["transfer/vqa classif"]).seconds == pytest.approx(100.0)
    assert Forecast(store, 1).estimate(steps["transfer/vqa classif"]).origin == "rough"
    publish(store, steps["transfer/vqa siglip"], 20.0)
    estimate = Forecast(store, 1).estimate(steps["transfer/vqa classif"])
    assert (estimate.seconds, estimate.origin) == (pytest.approx(20.0), "measured")
    publish(store, replace(steps["transfer/vqa classif"], config=_longer(steps["transfer/vqa classif"], 2000)), 800.0)
    assert Forecast(store, 1).estimate(steps["transfer/vqa classif"]).seconds == pytest.approx(20.0), "nearest length"
    assert Forecast(store, 2).estimate(steps["transfer/vqa classif"]).origin == "unknown"


def _longer(step, examples):
    return replace(step.config, training=replace(step.config.training, examples=examples))


def test_every_step_has_seconds_for_the_scheduler(experiment):
    steps = build(experiment).steps
    seconds = Forecast(store_of(experiment), 1).seconds(steps)
    assert seconds.keys() == {step.digest for step in steps} and min(seconds.values()) > 0


def test_manifests_of_other_versions_are_ignored(experiment):
    store = store_of(experiment)
    (store.root / "masks-old").mkdir(parents=True)
    (store.root / "masks-old" / "manifest.json").write_text('{"kind": "mask_tokenizer"}')
    assert Forecast(store, 1).by_kind == {}


@pytest.mark.parametrize(
    "text",
    [
        "[]", "{", "\x00", '{"KEY": 3}',
        '{"KEY": {"secondt": 1.0}}', '{"KEY": {"seconds": "1"}}', '{"KEY": {"profile": 1}}',
        '{"KEY": {"fixed": 1.0}}', '{"KEY": {"profile": {"parameters": 1, "stade": 2}}}',
    ],
)  # fmt: skip
def test_damaged_calibrations_are_measured_again(experiment, text):
    store = Store(Path(experiment.runtime.store))
    store.root.mkdir(parents=True)
    step = build(experiment).steps[0]
    known = Forecast(store, 1)._key(step)
    (store.root / "calibration.json").write_text(text.replace("KEY", known))
    assert Forecast(store, 1).estimate(step).origin == "unknown"


class MeasuringWorker:
    """A worker that returns a cost for every step."""

    def __init__(self, *_):
        self.connection, self.theirs = Pipe()
        self.process, self.step = SimpleNamespace(is_alive=lambda: True), None

    def profile_on_meta(self, step):
        self.step = step
        self.theirs.send(Profiled(MemoryProfile(3, 12), rows=2))

    def calibrate(self, step, rows):
        assert rows == 2
        self.step = step
        self.theirs.send(Calibrated(StageCost(0.5)))

    def messages(self):
        yield self.connection.recv()

    def stop(self):
        self.connection.close()


def test_a_disk_without_room_for_calibrations_does_not_stop_a_plan(experiment, monkeypatch):
    def full(path, _):
        raise OSError(errno.ENOSPC, "No space left on device", str(path))

    monkeypatch.setattr(estimates, "Worker", MeasuringWorker)
    monkeypatch.setattr(estimates, "load_average", lambda: 0.0)
    monkeypatch.setattr(estimates.durable, "write_atomically", full)
    forecast, said = Forecast(Store(Path(experiment.runtime.store)), 1), []
    step = build(experiment).steps[0]
    forecast.calibrate([step], 1, said.append)
    assert forecast.estimate(step).origin == "calibrated" and forecast.estimate(step).profile == MemoryProfile(3, 12)
    assert said == [f"{forecast.file} cannot be written: No space left on device"]


def test_a_calibration_beside_other_work_is_told_and_repeated_when_that_is_over(experiment, monkeypatch):
    monkeypatch.setattr(estimates, "cores", lambda: 2)
    store, step = Store(Path(experiment.runtime.store)), build(experiment).steps[0]

    def calibrated(load, seconds, threads=2):
        """The seconds a unit that are known after a plan, at a load at which they would be measured as `seconds`."""

        class Worker(MeasuringWorker):
            def calibrate(self, step, rows):
                self.step = step
                self.theirs.send(Calibrated(StageCost(seconds)))

        monkeypatch.setattr(estimates, "Worker", Worker)
        monkeypatch.setattr(estimates, "load_average", lambda: load)
        said, forecast = [], Forecast(store, threads)
        forecast.calibrate([step], 1, said.append)
        known = Forecast(store, threads).estimate(step)
        assert known.origin == "calibrated"
        return known.seconds / units(step), said

    busy = "this machine is busy (load 4.0 on 2 cores): times calibrated now are too long, and are measured again by a"
    seconds, [said] = calibrated(4.0, 25.0)
    assert seconds == 25.0 and said.startswith(busy)
    assert calibrated(2.5, 9.0) == (25.0, []), "as busy as before"
    assert calibrated(0.3, 1.0) == (1.0, [])
    assert calibrated(0.0, 0.5) == (1.0, []), "it was idle"
    assert calibrated(4.0, 2.0, threads=1) == (2.0, []), "its processor time"


@pytest.mark.parametrize(("timed", "workers"), [(False, 1), (True, 2)])
def test_profiles_alone_are_made_by_one_process(timed, workers, experiment, monkeypatch):
    """A second one would import torch too, and take longer for that than for its part of the profiles."""
    started = []

    class Worker(MeasuringWorker):
        def __init__(self, *given):
            super().__init__(*given)
            started.append(self)

    monkeypatch.setattr(estimates, "cores", lambda: 2)
    monkeypatch.setattr(estimates, "load_average", lambda: 0.0)
    monkeypatch.setattr(estimates, "Worker", Worker)
    Forecast(store_of(experiment), 1).calibrate(build(experiment).steps, 1, print, timed=timed)
    assert len(started) == workers


def test_a_manifest_with_infinite_numbers_is_ignored(experiment):
    store, step = store_of(experiment), build(experiment).steps[0]
    publish(store, step, 1.0)
    file = store.path(step) / "manifest.json"
    written = json.loads(file.read_text())
    for key, value in {"units": float("inf"), "seconds": 10**400}.items():
        file.write_text(json.dumps(written | {key: value}))
        assert not Forecast(store, 1).by_kind
