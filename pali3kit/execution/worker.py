"""A worker process: it runs one stage after another and sends its progress to the parent process.

Importing this module imports neither torch nor numpy: they read the thread counts from the environment, which must be
set first. The first stage that needs torch imports it, once per worker.
"""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from pali3kit.catalogue import STAGE
from pali3kit.config.runtime import Runtime
from pali3kit.execution.host import gpus_of
from pali3kit.execution.make import make_stage, note_failure
from pali3kit.execution.messages import Busy, Calibrated, Failed, Finished, Message, Profiled, Send
from pali3kit.execution.process_setup import environment, error_in_one_line, output_to, seed_and_set_threads
from pali3kit.execution.ranks import run_ranks
from pali3kit.execution.store import Store
from pali3kit.execution.workload import cost_shape, sizes
from pali3kit.orphans import die_with_parent
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step
from pali3kit.training.context import ComponentSpecs, Execution, MemoryProfile, StageCost

MAX_TIMED_FLOPS = 1e12  # of one example: more is not timed, as it takes about 20 s on a core
TIMED_FLOPS = 3e10  # of a timed batch, as far as fewer examples reach it: less than a second
Calibration = Callable[[StageConfig, ComponentSpecs], StageCost | float | None]
_PROFILES: dict[tuple[Calibration, str], MemoryProfile | None] = {}  # of one example, in this process


def serve(
    connection: Connection,
    alive: Connection,
    parent: int,
    store: Store,
    threads: int,
    runtime: Runtime,
    experiment: str,
    index: int,
) -> None:
    """The main function of the process: answer requests until the parent closes the connection or dies.

    `experiment` is YAML: the class of its sections depends on the plug-ins, so that it cannot be pickled.
    """
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):  # terminals and SLURM send these to all processes
        signal.signal(number, signal.SIG_IGN)  # the parent decides what to stop
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(parent, alive)
    jobs: dict[str, Callable[..., Message]] = {
        "make": lambda step: _make(step, store, threads, runtime, experiment, connection.send, index),
        "profile_on_meta": lambda step: _profile(step, threads),
        "calibrate": lambda step, rows: _calibrate(step, rows, threads),
    }
    while True:
        try:
            job, *arguments = connection.recv()
        except EOFError:
            return
        connection.send(jobs[job](*arguments))


def _make(step: Step, store: Store, threads: int, runtime: Runtime, experiment: str, send: Send, index: int) -> Message:
    """Make a stage in this process, or over the devices of this node by ranks, the first of which locks the step."""
    execution = Execution.of(runtime.of(step.kind))
    try:
        alone = execution.world_size == 1 or not STAGE.find(step.kind).distributed
        with environment(gpus_of(runtime, index, 1 if alone else execution.devices)):
            with store.lock(step) as mine:
                if not mine:
                    return Busy()
                if store.done(step):  # another run has finished it meanwhile
                    return Finished(0.0)
                if alone:
                    return make_stage(step, store, threads, execution, send)
            return run_ranks(step, store, threads, runtime, experiment, send)
    except Exception as error:
        return Failed(note_failure(step, store, error))


def _profile(step: Step, threads: int) -> Message:
    """Profile a step on the meta device, which takes no memory. If that fails, its full batch is timed all the same."""
    with output_to(Path(os.devnull)), _no_collection():
        calibrate = _calibration(step)
        if calibrate is None:
            return Profiled()
        seed_and_set_threads(threads, step.seed)
        from pali3kit.training.memory_profile import available_memory, batch_size_of

        batch = batch_size_of(step.config)
        try:
            profile = _profile_of_one(calibrate, step)
        except Exception as error:
            return Profiled(None, error_in_one_line(error), batch)
        if profile is None:
            return Profiled(rows=batch)
        flops, profile = profile.effort, replace(profile, effort=batch * profile.effort)
        if profile.state > available_memory() or flops > MAX_TIMED_FLOPS:
            return Profiled(profile)
        return Profiled(profile, rows=min(batch, max(1, int(TIMED_FLOPS // max(1, flops)))))


def _profile_of_one(calibrate: Calibration, step: Step) -> MemoryProfile | None:
    """The profile of a step with batches of one example, which steps that differ in the batch size share."""
    from pali3kit.nn.pretrained import skip_pretrained
    from pali3kit.training.memory_profile import dry_run, with_batch_size

    one = replace(step, config=with_batch_size(step.config, 1))
    key = calibrate, cost_shape(one)
    if key not in _PROFILES:
        with skip_pretrained():
            _PROFILES[key] = dry_run(calibrate, one.config, sizes(one))
    return _PROFILES[key]


@contextmanager
def _no_collection() -> Iterator[None]:
    """Without garbage collection, which goes through all that torch imports whenever a model has been built."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _calibrate(step: Step, rows: int, threads: int) -> Message:
    """Measure the cost of one unit, with batches of `rows` examples."""
    with output_to(Path(os.devnull)):
        calibrate = _calibration(step)
        if calibrate is None:
            return Calibrated(None)
        seed_and_set_threads(threads, step.seed)
        from pali3kit.nn.pretrained import skip_pretrained
        from pali3kit.training.memory_profile import batch_size_of, with_batch_size

        try:
            with skip_pretrained():
                cost = calibrate(with_batch_size(step.config, rows), sizes(step))
        except Exception as error:
            return Failed(error_in_one_line(error))
    if cost is None:
        return Calibrated(None)
    cost = cost if isinstance(cost, StageCost) else StageCost(float(cost))
    return Calibrated(replace(cost, seconds=cost.seconds + cost.step / batch_size_of(step.config), step=0.0))


def _calibration(step: Step) -> Calibration | None:
    """The `calibrate` function of a kind of stage, None if it has none."""
    found: Calibration | None = getattr(import_module(STAGE.find(step.kind).target), "calibrate", None)
    return found
