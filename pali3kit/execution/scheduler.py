"""Run the missing steps of a graph on a few worker processes, longest critical path first."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from pali3kit.config.schema import Experiment
from pali3kit.execution.messages import Busy, Failed, Finished, Message, Progress
from pali3kit.execution.process import Worker
from pali3kit.execution.progress import Display
from pali3kit.execution.store import LOCK_RETRY_SECONDS, Store
from pali3kit.plan.step import Step, critical_path

_POLL_SECONDS = 0.5


@dataclass
class Outcome:
    """The steps that finished, and by digest, why others failed or were blocked by a failed parent."""

    finished: list[Step] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)


class Scheduler:
    """Runs `missing`, the steps without an artifact, on `workers` processes.

    Every step follows its parents in `missing`; parents that are not in it have artifacts.
    """

    def __init__(
        self,
        missing: list[Step],
        store: Store,
        display: Display,
        costs: Mapping[str, float],
        *,
        workers: int,
        threads: int,
        experiment: Experiment,
    ) -> None:
        self.store, self.display, self.max_workers = store, display, workers
        self.threads, self.experiment = threads, experiment
        priority = critical_path(missing, costs)
        self.waiting = sorted(
            missing, key=lambda step: -priority[step.digest]
        )  # stable: of equal priority, parents first
        self.unfinished = {step.digest for step in missing}
        self.not_before: dict[str, float] = {}
        self.workers: list[Worker] = []
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Run until no step is left. Workers are stopped on the way out, also on an exception."""
        try:
            while self.waiting or any(worker.step for worker in self.workers):
                self._assign()
                by_connection = {worker.connection: worker for worker in self.workers}
                if not by_connection:
                    time.sleep(_POLL_SECONDS)
                    continue
                for connection in wait(list(by_connection), timeout=_POLL_SECONDS):
                    self._listen(by_connection[connection])  # type: ignore[index]
        except BaseException:
            if any(worker.step for worker in self.workers):  # which may take a while: a step of large batches is long
                self.display.say("stopping: what runs ends its step and writes a checkpoint")
            raise
        finally:
            for worker in self.workers:  # signal all first, so that they write checkpoints at the same time
                worker.end()
            for worker in self.workers:
                worker.stop()
        return self.outcome

    def _assign(self) -> None:
        for step in [step for step in self.waiting if self._ready(step)]:
            worker = next((worker for worker in self.workers if worker.step is None), None)
            if worker is None:
                if len(self.workers) >= self.max_workers:
                    return
                number = min(set(range(self.max_workers)) - {worker.number for worker in self.workers})
                worker = Worker(self.store, self.threads, self.experiment, number)
                self.workers.append(worker)
            self.waiting.remove(step)
            worker.make(step)
            self.display.started(step)

    def _ready(self, step: Step) -> bool:
        blocked = any(parent.digest in self.unfinished for parent in step.parents.values())
        return not blocked and self.not_before.get(step.digest, 0.0) <= time.monotonic()

    def _listen(self, worker: Worker) -> None:
        for message in worker.messages():
            step = worker.step
            if isinstance(message, Progress) and step is not None:
                if message.text:
                    self.display.say(f"{step.label}: {message.text}")
                else:
                    self.display.progressed(step, message.done, message.total, message.numbers)
                continue
            worker.step = None
            if step is not None:
                self._handle_last_message(step, message)
        if not worker.process.is_alive():
            worker.stop()
            self.workers.remove(worker)

    def _handle_last_message(self, step: Step, message: Message) -> None:
        """Record how a step ended; one that another run makes waits again."""
        if isinstance(message, Finished):
            self.unfinished.discard(step.digest)
            self.outcome.finished.append(step)
            self.display.finished(step, message.seconds, message.numbers, self.store.path(step))
        elif isinstance(message, Busy):
            if step.digest not in self.not_before:
                self.display.say(f"{step.label}: another run is making it; waiting for its result")
            self.display.released(step)
            self.not_before[step.digest] = time.monotonic() + LOCK_RETRY_SECONDS
            self.waiting.insert(0, step)
        elif isinstance(message, Failed):
            self.outcome.failed[step.digest] = message.reason
            self.display.failed(step, message.reason, self.store.work(step))
            self._block(step)

    def _block(self, failed: Step) -> None:
        """Give up the descendants of `failed`; all other steps go on."""
        lost = {failed.digest}
        for step in sorted(self.waiting, key=lambda step: len(_ancestors(step))):
            if any(parent.digest in lost for parent in step.parents.values()):
                lost.add(step.digest)
                self.waiting.remove(step)
                self.outcome.blocked[step.digest] = f"needs {failed.label}, which failed"


def _ancestors(step: Step) -> set[str]:
    return {step.digest}.union(*(_ancestors(parent) for parent in step.parents.values()))
