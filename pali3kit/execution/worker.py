"""A persistent process that makes one stage after another and tells its parent how far it is.

Importing this module imports neither torch nor numpy: the thread counts in the environment must be set before they
are, and torch is imported once per worker, by the first stage that needs it.
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
from pali3kit.durable import remove_partials
from pali3kit.execution.ranks import alone, run_ranks
from pali3kit.execution.settle import reason, settle
from pali3kit.execution.store import TRACEBACK, Store, disk_full
from pali3kit.execution.workload import sizes
from pali3kit.orphans import die_with
from pali3kit.plan.plain import StageConfig
from pali3kit.plan.step import Step
from pali3kit.training.context import UNFINISHED, Cost, Execution, Sizes, StageContext, Weight

OUTPUT = "output.txt"
_REPORT_SECONDS = 0.1
_CLOCK_SECONDS = 5.0


@dataclass(frozen=True)
class Progress:
    """A running stage has done `done` of `total` units, or has something to be `said` to whoever watches."""

    done: int
    total: int
    numbers: dict[str, float]
    said: str = ""


@dataclass(frozen=True)
class Finished:
    """A stage is published; `seconds` of wall time went into it, earlier attempts included."""

    seconds: float
    numbers: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Failed:
    """A stage failed; the traceback lies in its work folder."""

    reason: str


@dataclass(frozen=True)
class Busy:
    """Another process is making this stage."""


@dataclass(frozen=True)
class Calibrated:
    """What one unit of a stage costs; None when it cannot tell."""

    cost: Cost | None


@dataclass(frozen=True)
class Weighing:
    """What a stage weighs, None when it cannot tell; `unweighed` says why it could not be weighed. `rows` are the
    examples of a step that can be measured here: 0 where none can.
    """

    weight: Weight | None = None
    unweighed: str = ""
    rows: int = 0


MOST_EFFORT = 1e12  # FLOPs of the smallest call that could be timed: about 20 s on a core
EFFORT = 3e10  # FLOPs of a call that is timed, as far as its batch can be made smaller: less than a second
Message = Progress | Finished | Failed | Busy | Calibrated | Weighing
Send = Callable[[Message], None]
Calibration = Callable[[StageConfig, Sizes], Cost | float | None]


def main(
    connection: Connection, alive: Connection, parent: int, root: Path, threads: int, execution: Execution
) -> None:
    """Serve jobs until the parent is gone: it may be killed at any moment, and no orphan may keep a lock."""
    for number in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C and a lost terminal reach the whole group
        signal.signal(number, signal.SIG_IGN)  # the parent decides
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with(parent, alive)
    store = Store(root)
    jobs: dict[str, Callable[..., Message]] = {
        "make": lambda step: _make(step, store, threads, execution, connection.send),
        "weigh": lambda step: _weigh(step, threads),
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
            if store.done(step):  # by another run, since the parent looked
                return Finished(0.0)
            return _run(step, store, threads, execution, send)
    except Exception as error:
        with suppress(OSError):
            (store.work(step) / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
        return Failed(reason(disk_full(error, store.root) or error))


def _run(step: Step, store: Store, threads: int, execution: Execution, send: Send) -> Finished:
    folder = store.work(step)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / TRACEBACK).unlink(missing_ok=True)
    remove_partials(folder)
    with _output_to(folder / OUTPUT):
        kind = STAGE.find(step.kind)
        stage = import_module(kind.target)  # importing torch is the worker's time, not the stage's
        clock = _Clock(folder.with_suffix(".seconds"))
        report = _Reporter(send, clock)
        settle(threads, step.seed)
        parents = {role: store.path(parent) for role, parent in step.parents.items()}
        context = StageContext(folder, parents, step.seed, report, threads, execution, report.say)
        if kind.spread and execution.ranks > 1:
            run_ranks(kind.target, step.config, context)
        else:
            stage.run(step.config, replace(context, execution=alone(execution, kind.spread)))
    if not (folder / OUTPUT).stat().st_size:
        (folder / OUTPUT).unlink()
    seconds = clock.save()
    for name in UNFINISHED:  # not before: a stage that is killed while it writes its weights continues
        (folder / name).unlink(missing_ok=True)
    store.publish(step, seconds, threads, _made_with(execution if kind.spread else Execution()))
    clock.file.unlink()
    return Finished(seconds, report.numbers)


def _made_with(execution: Execution) -> dict[str, str]:
    """Device, precision and ranks of what was just made; the stage has imported torch, the parent need not."""
    from pali3kit.training.device import describe_device

    spread = {"ranks": f"{execution.ranks} by {execution.strategy}"} if execution.ranks > 1 else {}
    return describe_device(execution.precision) | spread


def _weigh(step: Step, threads: int) -> Message:
    """What a step takes, without memory or time: what could not be weighed is measured whole."""
    with _output_to(Path(os.devnull)):
        calibrate = _calibration(step)
        if calibrate is None:
            return Weighing()
        settle(threads, step.seed)
        from pali3kit.nn.pretrained import skip_pretrained
        from pali3kit.training.weighing import available_memory, batch_size_of, rehearse

        batch = batch_size_of(step.config)
        try:
            with skip_pretrained():
                weight = rehearse(calibrate, step.config, sizes(step))
        except Exception as error:
            return Weighing(None, reason(error), batch)
        if weight is None:
            return Weighing(rows=batch)
        each = weight.effort / batch
        if weight.state > available_memory() or each > MOST_EFFORT:
            return Weighing(weight)
        return Weighing(weight, rows=min(batch, max(1, int(EFFORT // max(1, each)))))


def _calibrate(step: Step, rows: int, threads: int) -> Message:
    """What a unit costs, measured on steps of so many examples."""
    with _output_to(Path(os.devnull)):
        calibrate = _calibration(step)
        if calibrate is None:
            return Calibrated(None)
        settle(threads, step.seed)
        from pali3kit.nn.pretrained import skip_pretrained
        from pali3kit.training.weighing import batch_size_of, with_batch_size

        try:
            with skip_pretrained():
                cost = calibrate(with_batch_size(step.config, rows), sizes(step))
        except Exception as error:
            return Failed(reason(error))
    if cost is None:
        return Calibrated(None)
    told = cost if isinstance(cost, Cost) else Cost(float(cost))
    return Calibrated(replace(told, seconds=told.seconds + told.step / batch_size_of(step.config), step=0.0))


def _calibration(step: Step) -> Calibration | None:
    """What measures a kind of stage; None where nothing does."""
    found: Calibration | None = getattr(import_module(STAGE.find(step.kind).target), "calibrate", None)
    return found


class _Clock:
    """Wall time of a stage over all its attempts, kept in a file so that a killed attempt counts too."""

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
    """Passes a stage's progress on, at most ten times a second and always at the end."""

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
    """Send what libraries print, also from C, to `file`: the screen belongs to the progress display."""
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
