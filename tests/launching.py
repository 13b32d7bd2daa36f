"""Runs steps of an experiment on several ranks of this machine, as a run does; and what its processes are."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from multiprocessing.connection import wait
from pathlib import Path

from pali3kit.config.load import load
from pali3kit.config.runtime import Runtime
from pali3kit.config.schema import Experiment
from pali3kit.execution.messages import Finished, Message, Progress
from pali3kit.execution.process import Worker
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.training.context import CHECKPOINTS

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
_PLANNED: dict[str, Experiment] = {}

exact = partial(Runtime, precision="fp32")  # bf16 would hide what is compared here


def planned(name: str, *overrides: str) -> list[Step]:
    """All steps of a shipped experiment; `worker` finds the experiment again."""
    experiment = load(EXPERIMENTS / f"{name}.yaml", overrides)
    steps = build(experiment).steps
    _PLANNED.update({step.digest: experiment for step in steps})
    return steps


def worker(root: Path, step: Step, runtime: Runtime) -> Worker:
    """A worker for steps of one experiment, with artifacts below `root`. It has two threads, which ranks share."""
    return Worker(Store(root), 2, replace(_PLANNED[step.digest], runtime=replace(runtime, threads=1, store=str(root))))


def last_message(of: Worker) -> Message:
    """How the step ended that a worker makes."""
    while wait([of.connection], timeout=300):
        for message in of.messages():
            if not isinstance(message, Progress):
                return message
    raise TimeoutError


def make(root: Path, steps: Sequence[Step], runtime: Runtime) -> Path:
    """Make all of the steps, on as many ranks as `runtime.devices` says; return the last one's folder."""
    process = worker(root, steps[0], runtime)
    try:
        for step in steps:
            process.make(step)
            message = last_message(process)
            assert isinstance(message, Finished), message
    finally:
        process.stop()
    return Store(root).path(steps[-1])


def saved(work: Path) -> bool:
    """Whether a stage that runs in this folder has a checkpoint."""
    return any((work / CHECKPOINTS).glob("step-*/manifest.json"))


def wait_until(condition: Callable[[], object], seconds: float = 300) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen"
        time.sleep(0.01)


def children(process: int | None) -> list[int]:
    """The direct child processes of a process."""
    try:
        return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except OSError:
        return []


def ranks(process: int | None) -> list[int]:
    """Those of its descendants that run `pali3kit.run step`, once they have started."""
    below = children(process)
    found = [each for each in below if "pali3kit.run\0step" in _command(each)]
    return found or [rank for child in below for rank in ranks(child)]


def alive(process: int) -> bool:
    """Whether a process runs, and is no zombie."""
    try:
        return "State:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except OSError:
        return False


def environment(**variables: str) -> dict[str, str]:
    """The environment of a launched process: ours and more."""
    return {**os.environ, "OMP_NUM_THREADS": "1", **variables}


def _command(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text()
    except OSError:
        return ""
