"""A worker process: it runs one stage after another and sends its progress to the parent process.

Importing this module imports neither torch nor numpy: they read the thread counts from the environment, which must be
set first. The first stage that needs torch imports it, once per worker.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path

from pali3kit.catalogue import STAGE
from pali3kit.durable import remove, remove_partials
from pali3kit.execution.process_setup import error_in_one_line, seed_and_set_threads
from pali3kit.execution.ranks import run_ranks
from pali3kit.execution.store import TRACEBACK, Store
from pali3kit.execution.workload import sizes
from pali3kit.orphans import die_with_parent
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step
from pali3kit.training.context import UNFINISHED, ComponentSpecs, Execution, MemoryProfile, StageContext, StageCost

OUTPUT = "output.txt"
_REPORT_SECONDS = 0.1
_CLOCK_SECONDS = 5.0


@dataclass(frozen=True)
class Progress:
    """A running stage has finished `done` of `total` units, or, with `text`, has a line to print."""

    done: int
    total: int
    numbers: dict[str, float]
    text: str = ""


@dataclass(frozen=True)
class Finished:
    """A stage is published. `seconds` is its wall time, including attempts that were killed."""

    seconds: float
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """A stage failed; its work folder has the traceback."""

    reason: str


@dataclass(frozen=True)
class Busy:
    """Another process is running this stage."""


@dataclass(frozen=True)
class Calibrated:
    """The measured cost of one unit of a stage; None if the kind of stage cannot measure it."""

    cost: StageCost | None


@dataclass(frozen=True)
class Profiled:
    """The memory and FLOPs of a stage, found on the meta device; None if its kind has no calibration, or if that raised
    the error `problem`. `rows` is the batch size with which the stage can be timed here: 0 if it is too large.
    """

    profile: MemoryProfile | None = None
    problem: str = ""
    rows: int = 0


MAX_TIMED_FLOPS = 1e12  # of one example: more is not timed, as it takes about 20 s on a core
TIMED_FLOPS = 3e10  # of a timed batch, as far as fewer examples reach it: less than a second
Message = Progress | Finished | Failed | Busy | Calibrated | Profiled
Send = Callable[[Message], None]
Calibration = Callable[[StageConfig, ComponentSpecs], StageCost | float | None]


def serve(
    connection: Connection, alive: Connection, parent: int, root: Path, threads: int, execution: Execution
) -> None:
    """The main function of the process: answer requests until the parent closes the connection or dies."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):  # terminal and scheduler send them to all processes
        signal.signal(number, signal.SIG_IGN)  # the parent decides what to stop
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with_parent(parent, alive)
    store = Store(root)
    jobs: dict[str, Callable[..., Message]] = {
        "make": lambda step: _make(step, store, threads, execution, connection.send),
        "profile_on_meta": lambda step: _profile(step, threads),
        "calibrate": lambda step, rows: _calibrate(step, rows, threads),
    }
    while True:
        try:
            job, *arguments = connection.recv()
        except EOFError:
            return
        connection.send(jobs[job](*arguments))


def _make(step: Step, store: Store, threads: int, execution: Execution, send: Send) -> Message:
    try:
        with store.lock(step) as mine:
            if not mine:
                return Busy()
            if store.done(step):  # another run has finished it meanwhile
                return Finished(0.0)
            return _run(step, store, threads, execution, send)
    except Exception as error:
        with suppress(OSError):
            (store.work(step) / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
        return Failed(error_in_one_line(store.disk_full(error) or error))


def _run(step: Step, store: Store, threads: int, execution: Execution, send: Send) -> Finished:
    folder = store.work(step)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRACEBACK).unlink(missing_ok=True)
    remove_partials(folder)
    with _output_to(folder / OUTPUT):
        kind = STAGE.find(step.kind)
        stage = import_module(kind.target)  # before the clock starts: importing torch is no time of the stage
        clock = _Clock(folder.with_suffix(".seconds"))
        report = _Reporter(send, clock)
        seed_and_set_threads(threads, step.seed)
        parents = {role: store.path(parent) for role, parent in step.parents.items()}
        context = StageContext(folder, parents, step.seed, report, threads, execution, report.say)
        if kind.distributed and execution.world_size > 1:
            run_ranks(kind.target, step.config, context)
        else:
            loaders = execution.num_workers if kind.distributed else 0
            stage.run(step.config, replace(context, execution=replace(execution, devices=1, num_workers=loaders)))
    if not (folder / OUTPUT).stat().st_size:
        (folder / OUTPUT).unlink()
    seconds = clock.save()
    for name in UNFINISHED:  # only now: a stage that is killed while it writes its weights continues from these
        remove(folder / name)
    store.publish(step, seconds, threads, _made_with(execution if kind.distributed else Execution()))
    clock.file.unlink()
    return Finished(seconds, report.numbers)


def _made_with(execution: Execution) -> dict[str, str]:
    """Device, precision and number of ranks, for the manifest. Only here torch is imported, by the stage."""
    from pali3kit.training.device import describe_device

    spread = {"ranks": f"{execution.world_size} by {execution.strategy}"} if execution.world_size > 1 else {}
    return describe_device(execution.precision) | spread


def _profile(step: Step, threads: int) -> Message:
    """Profile a step on the meta device, which takes no memory. If that fails, its full batch is timed all the same."""
    with _output_to(Path(os.devnull)):
        calibrate = _calibration(step)
        if calibrate is None:
            return Profiled()
        seed_and_set_threads(threads, step.seed)
        from pali3kit.nn.pretrained import skip_pretrained
        from pali3kit.training.memory_profile import available_memory, batch_size_of, dry_run

        batch = batch_size_of(step.config)
        try:
            with skip_pretrained():
                profile = dry_run(calibrate, step.config, sizes(step))
        except Exception as error:
            return Profiled(None, error_in_one_line(error), batch)
        if profile is None:
            return Profiled(rows=batch)
        flops = profile.effort / batch
        if profile.state > available_memory() or flops > MAX_TIMED_FLOPS:
            return Profiled(profile)
        return Profiled(profile, rows=min(batch, max(1, int(TIMED_FLOPS // max(1, flops)))))


def _calibrate(step: Step, rows: int, threads: int) -> Message:
    """Measure the cost of one unit, with batches of `rows` examples."""
    with _output_to(Path(os.devnull)):
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


class _Clock:
    """Wall time of a stage over all attempts, saved to a file so that killed attempts count."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.started = self.saved = time.monotonic()
        try:
            self.earlier = float(file.read_text())
        except (OSError, ValueError):
            self.earlier = 0.0

    def save(self) -> float:
        self.saved = time.monotonic()
        seconds = self.earlier + self.saved - self.started
        self.file.write_text(f"{seconds:.3f}")
        return seconds


class _Reporter:
    """Sends the progress of a stage, at most ten times a second and always at the end."""

    def __init__(self, send: Send, clock: _Clock) -> None:
        self.send, self.clock = send, clock
        self.sent = 0.0
        self.numbers: dict[str, float] = {}

    def __call__(self, done: int, total: int, **numbers: float) -> None:
        self.numbers.update({name: float(number) for name, number in numbers.items()})
        now = time.monotonic()
        if now - self.sent >= _REPORT_SECONDS or done >= total:
            self.sent = now
            self.send(Progress(done, total, dict(self.numbers)))
        if now - self.clock.saved >= _CLOCK_SECONDS:
            self.clock.save()

    def say(self, text: str) -> None:
        self.send(Progress(0, 0, {}, text))


@contextmanager
def _output_to(file: Path) -> Iterator[None]:
    """Redirect standard output and error, also of C code, to `file`: the terminal shows the progress bars."""
    kept = [(stream, os.dup(stream)) for stream in (1, 2)]
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream, _ in kept:
        os.dup2(descriptor, stream)
    os.close(descriptor)
    faulthandler.enable(file=2)
    try:
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for stream, saved in kept:
            os.dup2(saved, stream)
            os.close(saved)
