from __future__ import annotations

import os
import signal
from multiprocessing.connection import wait
from pathlib import Path

import pytest
from fakes import Loose
from launching import EXPERIMENTS, wait_until

from pali3kit.catalogue import STAGE
from pali3kit.config.load import load
from pali3kit.execution.messages import Failed
from pali3kit.execution.process import Worker
from pali3kit.execution.process_setup import THREAD_VARIABLES, environment
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step


@pytest.fixture
def failing(monkeypatch):
    """A step of a kind that is unknown in the worker process."""
    monkeypatch.setitem(STAGE.found, "no such kind", STAGE.found["mask_tokenizer"])
    step = Step("no such kind", "x", Loose({}))
    assert step.name.startswith("no such kind-")  # computes its digest, which is sent along
    return step


@pytest.fixture
def worker(tmp_path):
    worker = Worker(Store(tmp_path), 3)
    yield worker
    worker.stop()


def last_message(worker):
    while True:
        wait([worker.connection], timeout=300)
        for message in worker.messages():
            return message


def test_threads_are_in_the_workers_environment_and_not_in_ours(worker, failing):
    worker.make(failing)
    last_message(worker)  # by now it has started: between fork and exec, its environ is empty
    pairs = Path(f"/proc/{worker.process.pid}/environ").read_text().split("\0")
    found = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
    assert {found[name] for name in THREAD_VARIABLES} == {"3"}
    assert os.environ.get("OMP_NUM_THREADS") != "3"


def test_a_worker_survives_a_failing_stage_and_signals_to_its_group(worker, failing):
    for _ in range(2):
        worker.make(failing)
        assert "unknown stage 'no such kind'" in last_message(worker).reason
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            os.kill(worker.process.pid, number)


def test_a_worker_that_does_not_end_is_killed_after_its_grace(tmp_path, failing):
    worker = Worker(Store(tmp_path), 1, load(EXPERIMENTS / "pali3.yaml", ["scale=smoke", "runtime.grace_seconds=1"]))
    worker.make(failing)
    last_message(worker)
    os.kill(worker.process.pid, signal.SIGSTOP)
    # Both signals at once would end it by the lower number.
    wait_until(lambda: "State:\tT" in Path(f"/proc/{worker.process.pid}/status").read_text())
    worker.stop()
    assert worker.process.exitcode == -signal.SIGKILL


def test_a_killed_worker_is_a_failure(worker, failing):
    worker.make(failing)
    last_message(worker)
    os.kill(worker.process.pid, signal.SIGKILL)
    assert last_message(worker) == Failed("its process was killed by SIGKILL: most often the system ran out of memory")
    assert not worker.process.is_alive()


def test_environment_variables_are_restored(monkeypatch):
    monkeypatch.setenv("PALI3KIT_OLD", "before")
    with environment({"PALI3KIT_OLD": "meanwhile", "PALI3KIT_NEW": "1", "PALI3KIT_GONE": "2"}):
        assert os.environ["PALI3KIT_OLD"] == "meanwhile" and os.environ["PALI3KIT_NEW"] == "1"
        del os.environ["PALI3KIT_GONE"]  # as Lightning removes WORLD_SIZE
    assert os.environ["PALI3KIT_OLD"] == "before"
    assert "PALI3KIT_NEW" not in os.environ and "PALI3KIT_GONE" not in os.environ


def test_environment_variables_are_restored_after_an_error():
    with pytest.raises(ValueError), environment({"PALI3KIT_NEW": "1"}):
        raise ValueError
    assert "PALI3KIT_NEW" not in os.environ
