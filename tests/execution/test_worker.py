from __future__ import annotations

import errno
import os
import random
import sys
import types
from dataclasses import replace

import pytest
from fakes import Loose

from pali3kit.catalogue import STAGE
from pali3kit.config.runtime import Runtime
from pali3kit.errors import StageError
from pali3kit.execution import worker
from pali3kit.execution.messages import Busy, Calibrated, Failed, Finished, Profiled, Progress
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.training.context import ComponentSpecs, StageCost

STEP = Step("mask_tokenizer", "mask_tokenizer", Loose({"mask_tokenizer": {"name": "vqvae"}}), seed=5)


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@pytest.fixture
def stage(monkeypatch):
    """Install functions as `run` and `calibrate` of the stage `mask_tokenizer`."""

    def install(run, calibrate=None):
        module = types.ModuleType("fake_stage_module")
        module.run = run
        if calibrate is not None:
            module.calibrate = calibrate
        monkeypatch.setitem(sys.modules, module.__name__, module)
        kind, origin = STAGE.found["mask_tokenizer"]
        monkeypatch.setitem(STAGE.found, "mask_tokenizer", (replace(kind, module=module.__name__), origin))

    return install


def make(store):
    sent = []
    return worker._make(STEP, store, 1, Runtime(), "", sent.append, 0), sent


def test_a_stage_gets_its_context_and_is_published(store, stage):
    seen = []

    def run(config, context):
        seen.append((config, context, random.random()))
        context.report(1, 2, loss=0.5)
        context.report(2, 2, loss=0.25)
        (context.folder / "weights.safetensors").write_text("w")

    stage(run)
    last, sent = make(store)
    assert isinstance(last, Finished) and last.numbers == {"loss": 0.25}
    assert [(message.done, message.total) for message in sent] == [(1, 2), (2, 2)]
    assert store.done(STEP) and sorted(path.name for path in store.path(STEP).iterdir()) == [
        "config.yaml",
        "manifest.json",
        "weights.safetensors",
    ]
    (config, context, drawn) = seen[0]
    assert config is STEP.config
    assert (context.seed, context.threads, context.parents) == (5, 1, {})
    random.seed(5)
    assert drawn == random.random()
    assert make(store) == (Finished(0.0), [])


def test_a_failure_leaves_its_traceback_and_output(store, stage):
    def run(config, context):
        os.write(1, b"printed by a library\n")
        raise ValueError("two\nlines")

    stage(run)
    last, _ = make(store)
    assert last == Failed("ValueError: two lines")
    work = store.work(STEP)
    assert "ValueError: two" in (work / "traceback.txt").read_text()
    assert (work / "output.txt").read_text() == "printed by a library\n"
    assert not store.done(STEP)


def test_our_own_errors_are_shown_without_their_type(store, stage):
    def run(config, context):
        raise StageError("the loss is not finite")

    stage(run)
    assert make(store)[0] == Failed("the loss is not finite")


def test_a_full_disk_is_a_clear_failure(store, stage):
    def run(config, context):
        raise OSError(errno.ENOSPC, "No space left on device")

    stage(run)
    assert "free some and run the same command again" in make(store)[0].reason


def test_a_locked_stage_is_busy(store, stage):
    stage(lambda config, context: pytest.fail("must not run"))
    with store.lock(STEP):
        assert make(store)[0] == Busy()


def test_progress_is_throttled_but_the_end_is_reported(store, stage):
    stage(lambda config, context: [context.report(step, 1000) for step in range(1, 1001)])
    _, sent = make(store)
    assert len(sent) < 100 and sent[-1] == Progress(1000, 1000, {})


def test_wall_time_counts_killed_attempts(store, stage):
    store.work(STEP).parent.mkdir(parents=True)
    store.work(STEP).with_suffix(".seconds").write_text("100.0")
    stage(lambda config, context: None)
    assert make(store)[0].seconds >= 100.0
    assert store.manifest(STEP)["seconds"] >= 100.0
    assert not any(store.root.glob("work/*"))


@pytest.mark.parametrize(
    ("answer", "cost"), [(0.25, StageCost(0.25)), (StageCost(0.5, 1.0, 7, 8), StageCost(0.5, 1.0, 7, 8))]
)
def test_calibration_calls_the_stages_module(stage, answer, cost):
    asked = []

    def calibrate(config, sizes):
        asked.append((config, sizes))
        return answer

    stage(None, calibrate)
    assert worker._calibrate(STEP, 1, 1) == Calibrated(cost)
    assert asked[-1] == (STEP.config, ComponentSpecs(mask_tokenizer={"name": "vqvae"}))
    stage(None)
    assert (worker._profile(STEP, 1), worker._calibrate(STEP, 1, 1)) == (Profiled(), Calibrated(None))
