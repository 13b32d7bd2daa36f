"""Runs a stage in several processes of this node, its ranks: each is `pali3kit step`, launched as torchrun does."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import TYPE_CHECKING

import yaml

from pali3kit.config.paths import protocol
from pali3kit.config.runtime import Runtime
from pali3kit.config.saved import EXPERIMENT
from pali3kit.errors import StageError
from pali3kit.execution.locks import LEASE_LOST
from pali3kit.execution.make import OUTPUT
from pali3kit.execution.messages import Busy, Failed, Finished, Message, Progress, Send
from pali3kit.execution.process_setup import THREAD_VARIABLES, environment, output_to
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step
from pali3kit.training.stopping import TERMINATED

if TYPE_CHECKING:
    from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

PROGRESS = "PALI3KIT_PROGRESS"
"""The environment variable that names the pipe to which rank 0 writes its messages."""
_MESSAGES: Mapping[str, Callable[..., Message]] = {each.__name__: each for each in (Progress, Finished, Failed, Busy)}
_SAME_TIME = 5  # seconds between the death of a rank and the errors of others that lose their connection to it


def run_ranks(step: Step, store: Store, threads: int, runtime: Runtime, experiment: str, send: Send) -> Message:
    """Launch the ranks of a step, which share `threads`, and return the last message of rank 0; Busy where another
    process took over its lease.

    They read `experiment`, which is YAML, from a file, and the step that they find there must be the same.

    Raises:
        StageError: a rank failed or was killed; the message says which and why. The other ranks are ended.
        SystemExit: on SIGTERM, after the ranks have written a checkpoint and ended.
    """
    from torch.distributed.elastic.multiprocessing import SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError

    own = runtime.of(step.kind)
    each = runtime.threads or max(1, threads // own.devices)
    written = yaml.safe_load(experiment)
    folders = [place.name for place in store.places if not protocol(place.name)]  # what URLs have was copied before
    written["runtime"] |= {"threads": each, "store": str(store.root), "read_from": folders}
    with TemporaryDirectory(prefix="pali3kit-") as name:
        folder, heard = Path(name), list[Message]()
        (folder / EXPERIMENT).write_text(yaml.safe_dump(written, sort_keys=False, allow_unicode=True), encoding="utf-8")
        variables = dict.fromkeys(THREAD_VARIABLES, str(each)) | {PROGRESS: str(folder / "progress")}
        try:
            with output_to(folder / "launcher.log"), environment(variables), _listening(folder, send, heard):
                _launch(own, folder, step)
        except SignalException:
            raise SystemExit(TERMINATED) from None
        except ChildFailedError as error:
            if not heard and any(failure.exitcode == LEASE_LOST for failure in error.failures.values()):
                return Busy()
            if not heard:
                _keep_output(folder, store.work(step))
                raise StageError(_root_cause(error.failures)) from error
    return heard[-1] if heard else Failed("its ranks ended without a word")


def _launch(runtime: Runtime, folder: Path, step: Step) -> None:
    """Run `pali3kit step` in one process for each device, as `torchrun --standalone` does.

    The launcher is called in this process, since it tells the exit code of each rank; torchrun prints them only.

    Raises ChildFailedError, or on SIGTERM SignalException, once all ranks have ended.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one would break off the first's wait for a checkpoint
        raise SignalException("asked to stop", signal.SIGTERM)

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=runtime.devices,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint="localhost:0",
        local_addr="127.0.0.1",
        max_restarts=0,
        logs_specs=DefaultLogsSpecs(str(folder / "ranks"), redirects=Std.ALL),
        signals_to_handle="SIGQUIT",  # SIGTERM is ours
        shutdown_timeout=ceil(runtime.grace_seconds),
    )
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGQUIT)}
    signal.signal(signal.SIGTERM, stop)
    try:
        elastic_launch(config, sys.executable)("-m", "pali3kit.run", "step", str(folder), step.name)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _listening(folder: Path, send: Send, heard: list[Message]) -> Iterator[None]:
    """Forward the progress that rank 0 writes to a pipe in `folder`; other messages are appended to `heard`."""
    pipe = folder / "progress"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    ours = os.open(pipe, os.O_WRONLY)  # so that it does not end before rank 0 has opened it
    os.set_blocking(reader, True)

    def forward() -> None:
        with os.fdopen(reader, encoding="utf-8") as lines:
            for line in lines:
                kind, values = json.loads(line)
                message = _MESSAGES[kind](**values)
                if isinstance(message, Progress):
                    send(message)
                else:
                    heard.append(message)

    thread = threading.Thread(target=forward, daemon=True)
    thread.start()
    try:
        yield
    finally:
        os.close(ours)
        thread.join()  # it ends with the last writer, as all ranks have ended


def _root_cause(failures: Mapping[int, ProcessFailure]) -> str:
    """Which rank failed first, and why: a killed one, else the first that left an error file. The others fail after it,
    as they lose their connection, or are ended by SIGTERM.
    """
    first = min(failure.timestamp for failure in failures.values())
    for rank, failure in failures.items():
        if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM and failure.timestamp <= first + _SAME_TIME:
            return f"rank {rank} was killed by {signal.Signals(-failure.exitcode).name}"
    in_order = sorted(failures.items(), key=lambda each: each[1].timestamp)
    for rank, failure in in_order:
        told: object = failure.message  # declared as text, but a mapping in the error files of torch's `record`
        if isinstance(told, dict):
            reason = str(told["message"]).removeprefix("StageError: ")
            return reason if re.match(r"rank \d+: ", reason) else f"rank {rank}: {reason}"  # ranks may tell another's
    rank, failure = in_order[0]
    if failure.exitcode == TERMINATED:
        return f"rank {rank} was asked to stop and has written a checkpoint, from which the same command continues"
    return f"rank {rank} ended unexpectedly (exit code {failure.exitcode})"


def _keep_output(folder: Path, work: Path) -> None:
    """Write what the ranks printed to the stage's work folder."""
    work.mkdir(parents=True, exist_ok=True)
    with (work / OUTPUT).open("wb") as output:
        for file in sorted(folder.glob("ranks/*/*/*/*.log")):
            if file.stat().st_size:
                output.write(f"== rank {file.parent.name}, {file.stem}\n".encode() + file.read_bytes())
