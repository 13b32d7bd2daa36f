"""Runs one stage in this process, alone or as one of its ranks, and publishes its artifact."""

from __future__ import annotations

import time
import traceback
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from pali3kit.catalogue import STAGE
from pali3kit.durable import remove_partials
from pali3kit.execution.messages import Finished, Progress, Send
from pali3kit.execution.process_setup import error_in_one_line, output_to, seed_and_set_threads
from pali3kit.execution.store import TRACEBACK, Store
from pali3kit.plan.step import Step
from pali3kit.training.context import Execution, Logged, StageContext

OUTPUT = "output.txt"
_REPORT_SECONDS = 0.1
_CLOCK_SECONDS = 5.0


def make_stage(
    step: Step, store: Store, threads: int, execution: Execution, send: Send, quiet: bool = True
) -> Finished:
    """Run the stage of `step` and publish its artifact. Its lock is held by this process, or by rank 0.

    With several ranks each calls this, in a connected process group; all return once rank 0 has published.

    Args:
        step: whose parents are done.
        store: of artifacts.
        threads: of this process.
        execution: for its kind.
        send: gets a Progress now and then.
        quiet: whether output goes to a file in the work folder, as on a terminal with progress bars.
    """
    folder = store.work(step)
    folder.mkdir(parents=True, exist_ok=True)
    kind, first = STAGE.find(step.kind), execution.rank == 0
    if first:
        (folder / TRACEBACK).unlink(missing_ok=True)
        remove_partials(folder, every_process=True)  # a killed stage may have run on another node
    if not kind.distributed:
        execution = replace(execution, nodes=1, devices=1, num_workers=0)
    with output_to(folder / OUTPUT) if quiet else nullcontext():
        stage = import_module(kind.target)  # before the clock starts: importing torch is no time of the stage
        clock = _Clock(folder.with_suffix(".seconds") if first else None)
        report = _Reporter(send, clock)
        seed_and_set_threads(threads, step.seed)
        parents = {role: store.path(parent) for role, parent in step.parents.items()}
        logged = Logged(step.label, step.name)
        stage.run(step.config, StageContext(folder, parents, step.seed, report, threads, execution, report.say, logged))
    with _together(execution):
        seconds = clock.save()
        if first:
            _publish(step, store, seconds, threads, execution if kind.distributed else Execution())
    return Finished(seconds, report.numbers)


def note_failure(step: Step, store: Store, error: Exception) -> str:
    """Write the traceback of the error that is being handled to the work folder; return the error in one line."""
    with suppress(OSError):
        (store.work(step) / TRACEBACK).write_text(traceback.format_exc(), encoding="utf-8")
    return error_in_one_line(store.disk_full(error) or error)


def _publish(step: Step, store: Store, seconds: float, threads: int, execution: Execution) -> None:
    folder = store.work(step)
    if (folder / OUTPUT).exists() and not (folder / OUTPUT).stat().st_size:
        (folder / OUTPUT).unlink()
    store.publish(step, seconds, threads, _made_with(execution))
    folder.with_suffix(".seconds").unlink(missing_ok=True)


def _together(execution: Execution) -> AbstractContextManager[None]:
    """Begin once all ranks are there, and end together, with the same error if there is one.

    Nobody's patience ends while rank 0 reads a large artifact for its manifest (2.2 TB of features: over half an hour).
    """
    if execution.world_size == 1:
        return nullcontext()
    import torch.distributed as dist

    from pali3kit.training.distributed import Ranks

    dist.barrier()
    return Ranks(execution).together()


def _made_with(execution: Execution) -> dict[str, str]:
    """Device, precision and number of ranks, for the manifest. Only here torch is imported, by the stage."""
    from pali3kit.training.device import describe_device

    spread = {"ranks": f"{execution.world_size} by {execution.strategy}"} if execution.world_size > 1 else {}
    return describe_device(execution.precision) | spread


class _Clock:
    """Wall time of a stage over all attempts, saved to a file, if there is one, so that killed attempts count."""

    def __init__(self, file: Path | None) -> None:
        self.file = file
        self.started = self.saved = time.monotonic()
        try:
            self.earlier = float(file.read_text()) if file else 0.0
        except (OSError, ValueError):
            self.earlier = 0.0

    def save(self) -> float:
        self.saved = time.monotonic()
        seconds = self.earlier + self.saved - self.started
        if self.file:
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
