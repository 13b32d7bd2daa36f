"""A worker process as its parent sees it: start it, send it stages, receive messages, notice its death, stop it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator

from pali3kit.config.runtime import Runtime
from pali3kit.config.saved import to_yaml
from pali3kit.config.schema import Experiment
from pali3kit.execution import worker
from pali3kit.execution.locks import LEASE_LOST
from pali3kit.execution.messages import Busy, Failed, Message
from pali3kit.execution.process_setup import THREAD_VARIABLES, environment
from pali3kit.execution.store import Store
from pali3kit.plan.step import Step


class Worker:
    """One worker process, which handles one request at a time. `step` is that of the current one, None when idle.

    It makes the steps of `experiment` as its `runtime` says; without one, each in the worker process itself. Workers of
    different numbers have different GPUs, as far as there are any.
    """

    def __init__(self, store: Store, threads: int, experiment: Experiment | None = None, number: int = 0) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        alive, self._alive = context.Pipe(duplex=False)
        runtime, text = (experiment.runtime, to_yaml(experiment)) if experiment else (Runtime(), "")
        self.grace_seconds = runtime.grace_seconds
        self.process = context.Process(
            target=worker.serve, args=(theirs, alive, os.getpid(), store, threads, runtime, text, number), daemon=False
        )
        with environment(dict.fromkeys(THREAD_VARIABLES, str(threads))):
            self.process.start()
        theirs.close()
        alive.close()
        self.number = number
        self.step: Step | None = None

    def make(self, step: Step) -> None:
        """Start running `step`; messages arrive on `connection`, and any but a Progress is the last."""
        self.step = step
        self.connection.send(("make", step))

    def profile_on_meta(self, step: Step) -> None:
        """Start profiling `step` on the meta device, without running it; one Profiled arrives on `connection`."""
        self.step = step
        self.connection.send(("profile_on_meta", step))

    def calibrate(self, step: Step, rows: int) -> None:
        """Start measuring the cost of one unit of `step`, with batches of `rows` examples; one Calibrated arrives."""
        self.step = step
        self.connection.send(("calibrate", step, rows))

    def messages(self) -> Iterator[Message]:
        """Yield the messages that have arrived. If the process died without a final message, it has ended by then: Busy
        where another one took over its lease, else Failed.
        """
        try:
            while self.connection.poll():
                yield self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            lost = self.process.exitcode == LEASE_LOST
            yield Busy() if lost else Failed(_describe_death(self.process.exitcode))

    def end(self) -> None:
        """Send SIGTERM: a training stage writes a checkpoint first, anything else ends at once."""
        self.process.terminate()

    def stop(self) -> None:
        """End the process, with SIGKILL after `grace_seconds`; its stage continues from its checkpoint next time."""
        self.end()
        self.process.join(self.grace_seconds)
        self.process.kill()
        self.process.join()
        self.connection.close()
        self._alive.close()


def _describe_death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ": most often the system ran out of memory" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}"
    return f"its process ended unexpectedly (exit code {exitcode})"
