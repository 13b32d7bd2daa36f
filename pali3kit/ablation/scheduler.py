"""Run what is missing of a graph on a few worker processes, longest critical path first."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import wait

from pali3kit.ablation.node import Node, critical_path
from pali3kit.ablation.process import ALONE, Worker
from pali3kit.ablation.progress import Display
from pali3kit.ablation.store import Store
from pali3kit.ablation.worker import Busy, Failed, Finished, Message, Progress
from pali3kit.training.context import Execution

_POLL_SECONDS = 0.5
_BUSY_SECONDS = 1.0
CHECKPOINT, SKIPPED = "last.ckpt", "skipped.txt"  # of training, and the list of samples that could not be used


@dataclass
class Outcome:
    """What became of the stages that were not done: by digest, why each one failed or was not tried."""

    finished: list[Node] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    blocked: dict[str, str] = field(default_factory=dict)


class Scheduler:
    """Makes the `missing` nodes (parents first; all other parents are done) on `workers` processes."""

    def __init__(
        self,
        missing: list[Node],
        store: Store,
        display: Display,
        costs: Mapping[str, float],
        *,
        workers: int,
        threads: int,
        execution: Execution = ALONE,
    ) -> None:
        self.store, self.display, self.limit = store, display, workers
        self.threads, self.execution = threads, execution
        priority = critical_path(missing, costs)
        self.waiting = sorted(missing, key=lambda node: -priority[node.digest])  # stable: equal ones parents first
        self.open = {node.digest for node in missing}
        self.not_before: dict[str, float] = {}
        self.workers: list[Worker] = []
        self.outcome = Outcome()

    def run(self) -> Outcome:
        """Run until nothing is left; workers are ended on the way out, whatever the reason."""
        try:
            while self.waiting or any(worker.node for worker in self.workers):
                self._assign()
                ends = {worker.connection: worker for worker in self.workers}
                for end in wait(list(ends), timeout=_POLL_SECONDS) if ends else ():
                    self._listen(ends[end])  # type: ignore[index]
                if not ends:
                    time.sleep(_POLL_SECONDS)
        finally:
            for worker in self.workers:  # all at once, then one after the other
                worker.end()
            for worker in self.workers:
                worker.stop()
        return self.outcome

    def _assign(self) -> None:
        for node in [node for node in self.waiting if self._ready(node)]:
            worker = next((worker for worker in self.workers if worker.node is None), None)
            if worker is None:
                if len(self.workers) >= self.limit:
                    return
                worker = Worker(self.store.root, self.threads, self.execution)
                self.workers.append(worker)
            self.waiting.remove(node)
            worker.make(node)
            self.display.started(node)
            if (self.store.work(node) / CHECKPOINT).exists():
                self.display.say(f"{node.label}: continues from its checkpoint")

    def _ready(self, node: Node) -> bool:
        blocked = any(parent.digest in self.open for parent in node.parents.values())
        return not blocked and self.not_before.get(node.digest, 0.0) <= time.monotonic()

    def _listen(self, worker: Worker) -> None:
        for message in worker.messages():
            node = worker.node
            if isinstance(message, Progress) and node is not None:
                self.display.progressed(node, message.done, message.total, message.numbers)
                continue
            worker.node = None
            if node is not None:
                self._settle(node, message)
        if not worker.process.is_alive():
            worker.stop()
            self.workers.remove(worker)

    def _settle(self, node: Node, message: Message) -> None:
        """Take note of a stage's last message."""
        if isinstance(message, Finished):
            self.open.discard(node.digest)
            self.outcome.finished.append(node)
            self.display.finished(node, message.seconds, self._key_numbers(node, message), self.store.path(node))
            self._tell_skipped(node)
        elif isinstance(message, Busy):
            if node.digest not in self.not_before:
                self.display.say(f"{node.label}: another run is making it; waiting for its result")
            self.display.released(node)
            self.not_before[node.digest] = time.monotonic() + _BUSY_SECONDS
            self.waiting.insert(0, node)
        elif isinstance(message, Failed):
            self.outcome.failed[node.digest] = message.reason
            self.display.failed(node, message.reason, self.store.work(node))
            self._block(node)

    def _tell_skipped(self, node: Node) -> None:
        file = self.store.path(node) / SKIPPED
        if file.exists():
            lines = len(file.read_text(encoding="utf-8", errors="replace").splitlines())
            self.display.say(f"{node.label}: {lines} samples or files could not be used, or only in part: {file}")

    def _block(self, failed: Node) -> None:
        """Give up on everything that needs `failed`; the others go on."""
        lost = {failed.digest}
        for node in sorted(self.waiting, key=lambda node: len(_ancestors(node))):
            if any(parent.digest in lost for parent in node.parents.values()):
                lost.add(node.digest)
                self.waiting.remove(node)
                self.outcome.blocked[node.digest] = f"needs {failed.label}, which failed"

    def _key_numbers(self, node: Node, message: Finished) -> dict[str, float]:
        """Return an evaluation's value and count, or what the stage reported last."""
        try:
            metrics = json.loads((self.store.path(node) / "metrics.json").read_text(encoding="utf-8"))
            return {name: float(metrics[name]) for name in ("value", "n")}
        except (OSError, ValueError, KeyError, TypeError):
            return dict(message.numbers)


def _ancestors(node: Node) -> set[str]:
    return {node.digest}.union(*(_ancestors(parent) for parent in node.parents.values()))
