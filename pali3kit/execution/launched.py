"""`pali3kit step`: makes one step of an experiment's graph, as one rank of whatever launched this process."""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import NoReturn

from rich.console import Console

from pali3kit.catalogue import STAGE
from pali3kit.config.budgets import check_devices
from pali3kit.config.runtime import StageRuntime
from pali3kit.config.schema import Experiment
from pali3kit.errors import Pali3Error, StageError, nearest
from pali3kit.execution.estimates import Forecast
from pali3kit.execution.forecast import expected_time
from pali3kit.execution.host import cores
from pali3kit.execution.known_runs import record_run
from pali3kit.execution.locks import LEASE_LOST
from pali3kit.execution.make import make_stage, note_failure
from pali3kit.execution.messages import Busy, Failed, Finished, Message, Progress, Send
from pali3kit.execution.needs import copy_from_url, copy_parents
from pali3kit.execution.process_setup import error_in_one_line
from pali3kit.execution.progress import LOG, Display
from pali3kit.execution.ranks import PROGRESS
from pali3kit.execution.store import Store
from pali3kit.orphans import die_with_parent
from pali3kit.plan.content import release_sources
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.streams import new_console
from pali3kit.training.context import Execution
from pali3kit.training.stopping import TERMINATED

EXIT_CODES = {Finished: 0, Failed: 1, Busy: LEASE_LOST}
"""Of the process; 75 is EX_TEMPFAIL of sysexits.h: try again later."""


def run_step(experiment: Experiment, label: str, console: Console | None = None) -> int:
    """Make the step with a label, an artifact's name or the start of its digest, and return the exit code.

    0: it is made, or was already. 1: it failed. 75: another process is making it. The launcher's environment says how
    many ranks there are; the parents of the step must be done.

    Raises:
        StageError: there is no such step, or these ranks cannot make it.
        SystemExit: a signal came; the checkpoint is written, and the same command continues.
    """
    if "TORCHELASTIC_RUN_ID" in os.environ:  # a launcher that is killed does not end its processes
        die_with_parent(os.getppid())
    from pali3kit.training.cluster import connected, find_cluster  # it imports torch

    try:
        step = _find(build(experiment).steps, label)
        release_sources()
        cluster = find_cluster()
        execution = _check(experiment, step, cluster.world_size())
    except Pali3Error as error:
        if PROGRESS in os.environ:
            with _to_launcher() as send:
                send(Failed(str(error)))
        raise
    if execution.world_size == 1:
        return _make(experiment, step, execution, console or new_console())
    with connected(cluster, execution, experiment.runtime.timeout_seconds) as execution:
        return _make(experiment, step, execution, console or new_console())


def _find(steps: Sequence[Step], label: str) -> Step:
    found = [step for step in steps if label in (step.label, step.name)]
    if not found and re.fullmatch(r"(\w+-)?[0-9a-f]{4,64}", label):
        found = [step for step in steps if step.digest.startswith(label) or step.name.startswith(label)]
    if not found:
        meant = nearest(label, [step.label for step in steps]) or " `plan` prints the labels."
        raise StageError(f"no step '{label}' in this experiment.{meant}")
    if len(found) > 1:
        raise StageError(f"'{label}' may be {' or '.join(step.name for step in found)}: say which.")
    return found[0]


def _check(experiment: Experiment, step: Step, ranks: int) -> Execution:
    """The execution of a step by so many ranks, on nodes that are not known yet.

    Raises StageError where its kind runs in one process, or the ranks do not divide its batch.
    """
    launched = StageRuntime(nodes=1, devices=ranks)
    runtime = experiment.runtime
    own = {**vars(runtime.of(step.kind)), "stages": {step.kind: launched}}
    if ranks > 1 and not STAGE.find(step.kind).distributed:
        raise StageError(f"{step.label} runs in one process, but {ranks} were launched: launch one.")
    if (training := getattr(step.config, "training", None)) is not None:
        cell = replace(experiment, runtime=replace(runtime, **own))
        told = (text for _, text in check_devices(cell, step.kind, training))
        if problems := [text.removesuffix(f", by runtime.stages.{step.kind}.devices") for text in told]:
            raise StageError(f"{step.label} was launched with {ranks} ranks: {'; '.join(problems)}")
    return replace(Execution.of(runtime.of(step.kind)), nodes=1, devices=ranks)


def _make(experiment: Experiment, step: Step, execution: Execution, console: Console) -> int:
    """Make a step as one of the connected ranks; return the exit code. A failure of one of several ends the process."""
    store = Store.of(experiment.runtime)
    threads = experiment.runtime.threads or max(1, cores() // execution.devices)
    try:
        with _listener(experiment, step, store, execution, threads, console) as send:
            message = _outcome(step, store, threads, execution, send)
            send(message)
    except Exception as error:
        _fail(step, store, execution.rank, error)
    return EXIT_CODES[type(message)]


def _outcome(step: Step, store: Store, threads: int, execution: Execution, send: Send) -> Message:
    """Make a step unless rank 0 finds that it is made, or cannot be; the answer is the same in all ranks."""
    first = execution.rank == 0
    try:
        with store.lock(step) if first else nullcontext(True) as mine:
            found, store = _agree((_standing(step, store, mine, send) if first else None, store), execution)
            return found or make_stage(step, store, threads, execution, send, quiet=False)
    except Exception as error:
        if execution.world_size > 1:
            raise
        return Failed(note_failure(step, store, error))


def _standing(step: Step, store: Store, mine: bool, send: Send) -> Message | None:
    """Why a step is not to be made now; None if it is. Artifacts at URLs are copied first."""

    def say(text: str) -> None:
        send(Progress(0, 0, {}, text))

    if mine:
        copy_from_url(step, store, say)
    if store.done(step):
        return Finished(0.0)
    if not mine:
        return Busy()
    copy_parents(step, store, say)
    for line in store.passed_over:
        say(f"{line}: passed over")
    if missing := [f"{parent.label} ({parent.name})" for parent in store.missing(step.parents.values())]:
        gone = {place: f"{place} (which is not there)" for place in store.absent_places()}
        names = [str(store.root), *(place.name for place in store.places)]
        places = ", ".join(gone.get(name, name) for name in names)
        what = f"what it needs is not in {places}: {', '.join(missing)}"
        return Failed(f"{what}. Make that first, by `run` or `step`.")
    return None


def _agree(found: tuple[Message | None, Store], execution: Execution) -> tuple[Message | None, Store]:
    """What rank 0 found, and its store, which knows where the parents are; a collective operation."""
    if execution.world_size == 1:
        return found
    import torch.distributed as dist

    answer = [found]
    dist.broadcast_object_list(answer)
    return answer[0]


def _fail(step: Step, store: Store, rank: int, error: Exception) -> NoReturn:
    """Tell why this rank failed, to torchrun by the file of its `record`, and end the process."""
    from torch.distributed.elastic.multiprocessing.errors import get_error_handler

    reason = error_in_one_line(store.disk_full(error) or error)
    get_error_handler().record_exception(StageError(reason))
    traceback.print_exc()
    print(f"FAILED {step.label}: rank {rank}: {reason}", file=sys.stderr, flush=True)
    os._exit(EXIT_CODES[Failed])  # at once: a normal exit would wait for the other ranks


@contextmanager
def _listener(
    experiment: Experiment, step: Step, store: Store, execution: Execution, threads: int, console: Console
) -> Iterator[Send]:
    """To whom this rank tells its progress: nobody unless it is rank 0, the run that launched it, or the terminal."""
    if execution.rank:
        yield lambda message: None
        return
    if PROGRESS in os.environ:
        with _to_launcher() as send:
            yield send
        return
    forecast = Forecast(store, threads)
    folder = Path(experiment.runtime.runs) / experiment.name
    with Display(console, folder / LOG, forecast.seconds([step])) as display:
        for refusal in record_run(store, folder, experiment):
            display.say(refusal, style="yellow")
        display.say(f"{step.label}: {_ranks(experiment, step, execution)}, {expected_time(forecast, [step], 1)}")
        display.say(f"its artifact goes to {store.path(step)}")
        display.started(step)
        try:
            yield partial(_show, display, step, store)
        except SystemExit as stopped:
            if stopped.code == TERMINATED:  # after Ctrl-C Lightning exits too, with 1 and without a checkpoint
                display.say(f"{step.label} stopped after a checkpoint: the same command continues from here")
            raise


@contextmanager
def _to_launcher() -> Iterator[Send]:
    with open(os.environ[PROGRESS], "w", buffering=1, encoding="utf-8") as pipe:
        yield lambda message: print(json.dumps([type(message).__name__, asdict(message)]), file=pipe)


def _ranks(experiment: Experiment, step: Step, execution: Execution) -> str:
    """How many ranks make a step, and that it is another number than the experiment says."""
    runtime = experiment.runtime.of(step.kind)
    launched, said = (execution.nodes, execution.devices), (runtime.nodes, runtime.devices)
    shape = "{} x {} ranks".format(*launched)
    differs = launched != said and STAGE.find(step.kind).distributed
    return f"{shape}, as launched, not {said[0]} x {said[1]} as configured" if differs else shape


def _show(display: Display, step: Step, store: Store, message: Message) -> None:
    if isinstance(message, Progress) and message.text:
        display.say(f"{step.label}: {message.text}")
    elif isinstance(message, Progress):
        display.progressed(step, message.done, message.total, message.numbers)
    elif isinstance(message, Failed):
        display.failed(step, message.reason, store.work(step))
    elif isinstance(message, Busy):
        display.released(step)
        display.say(f"{step.label}: another process is making it, try again later")
    elif isinstance(message, Finished) and not message.seconds:
        display.released(step)
        display.say(f"{step.label} was made already: {store.path(step)}")
    elif isinstance(message, Finished):
        display.finished(step, message.seconds, message.numbers, store.path(step))
