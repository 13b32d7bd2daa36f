"""The parent's end of a worker process: start it, give it stages, notice its death, end it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from pali3kit.execution import worker
from pali3kit.execution.environment import environment
from pali3kit.execution.worker import Failed, Message
from pali3kit.plan.step import Step
from pali3kit.training.context import Execution

ALONE = Execution()
THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
GRACE = 60.0  # seconds for the last step and its checkpoint


class Worker:
    """The parent's end of one worker process."""

    def __init__(self, root: Path, threads: int, execution: Execution = ALONE) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        alive, self._alive = context.Pipe(duplex=False)
        self.process = context.Process(
            target=worker.main, args=(theirs, alive, os.getpid(), root, threads, execution), daemon=False
        )
        with environment(dict.fromkeys(THREAD_VARIABLES, str(threads))):
            self.process.start()
        theirs.close()
        alive.close()
        self.step: Step | None = None

    def make(self, step: Step) -> None:
        """Start making `step`; messages arrive on `connection`, the last one is not a Progress."""
        self.step = step
        self.connection.send(("make", step))

    def weigh(self, step: Step) -> None:
        """Start finding what `step` takes without running it; one Weighing arrives on `connection`."""
        self.step = step
        self.connection.send(("weigh", step))

    def calibrate(self, step: Step, rows: int) -> None:
        """Start measuring what a unit of `step` costs, on steps of so many examples; one Calibrated arrives."""
        self.step = step
        self.connection.send(("calibrate", step, rows))

    def messages(self) -> Iterator[Message]:
        """Yield what has arrived. A worker that died without a last word yields Failed."""
        try:
            while self.connection.poll():
                yield self.connection.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            yield Failed(_death(self.process.exitcode))

    def end(self) -> None:
        """Ask the process to end: a training checkpoints its step first, anything else ends at once."""
        self.process.terminate()

    def stop(self) -> None:
        """End the process, at once if it takes long: what it was making continues from its checkpoint next time."""
        self.end()
        self.process.join(GRACE)
        self.process.kill()
        self.process.join()
        self.connection.close()
        self._alive.close()


def _death(exitcode: int | None) -> str:
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        hint = ": most often the system ran out of memory" if name == "SIGKILL" else ""
        return f"its process was killed by {name}{hint}"
    return f"its process ended unexpectedly (exit code {exitcode})"
