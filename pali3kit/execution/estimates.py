"""How long a run will take: units of work times seconds per unit, on a simulated schedule.

Seconds per unit come from finished stages of the same shape on the same processor with the same threads; failing
that from a short calibration by the stage itself, kept in `<store>/calibration.json`; failing that, roughly, from
finished stages of the same kind.
"""

from __future__ import annotations

import heapq
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import log, prod
from multiprocessing.connection import wait
from pathlib import Path
from statistics import median
from typing import Any

from safetensors import SafetensorError, safe_open

from pali3kit import durable
from pali3kit.catalogue import STAGE
from pali3kit.config.digest import digest
from pali3kit.execution.host import cores, processor
from pali3kit.execution.manifest import Manifest, parsed
from pali3kit.execution.process import Worker
from pali3kit.execution.store import Store
from pali3kit.execution.worker import Calibrated, Message, Weighing
from pali3kit.execution.workload import cost_shape, shape, units
from pali3kit.plan.step import Step, critical_path
from pali3kit.training.context import Cost, Weight


@dataclass(frozen=True, slots=True)
class Estimate:
    """The expected cost of a stage; `seconds` is None when nothing is known. `origin` says where it comes from.

    `disk` bytes are left there, as far as that is known to be much.
    """

    seconds: float | None
    origin: str
    parameters: int | None = None
    tokens: int | None = None
    weight: Weight | None = None
    disk: int = 0


class Forecast:
    """What is known of costs on this machine with `threads` threads per stage."""

    def __init__(self, store: Store, threads: int) -> None:
        self.store, self.threads = store, threads
        self.file = store.root / "calibration.json"
        self.calibrated = _read(self.file)
        self.by_shape: dict[str, list[tuple[int, float]]] = {}
        self.by_kind: dict[str, list[tuple[int, float]]] = {}
        for manifest in store.manifests():
            self._learn(manifest)

    def estimate(self, step: Step) -> Estimate:
        """Return the best known cost of making `step`."""
        cost, weight = self._known(step)
        parameters = cost.parameters if cost else weight.parameters if weight else None
        each = cost.tokens if cost else weight.tokens if weight else None
        tokens = each * units(step) if each else None
        known = parameters, tokens, weight, units(step) * (cost.disk if cost else weight.disk if weight else 0)
        if seen := self.by_shape.get(shape(step)):
            return Estimate(_scaled(seen, units(step)), "measured", *known)
        if cost:
            return Estimate(cost.fixed + cost.seconds * units(step), "calibrated", *known)
        if weight:
            return Estimate(None, "its shapes", *known)
        if seen := self.by_kind.get(step.kind):
            return Estimate(_scaled(seen, units(step)), "rough")
        return Estimate(None, "unknown")

    def _known(self, step: Step) -> tuple[Cost | None, Weight | None]:
        """What calibration found of a stage of this shape."""
        known = dict(self.calibrated.get(self._key(step)) or {})
        weight = known.pop("weight", None)
        return Cost(**known) if known else None, Weight(**weight) if weight else None

    def weights(self, steps: Iterable[Step]) -> dict[str, float]:
        """Return seconds by digest for a scheduler, which needs some number for every stage."""
        estimates = {step: self.estimate(step).seconds for step in steps}
        return {
            step.digest: units(step) * STAGE.find(step.kind).seconds if seconds is None else seconds
            for step, seconds in estimates.items()
        }

    def calibrate(self, steps: Iterable[Step], workers: int, say: Callable[[str], None]) -> None:
        """Measure, once per shape, the stages of `steps` of which nothing exact is known.

        All are weighed first, on all cores. What fits is measured, `workers` at a time: stages share the machine while
        being measured, as they will while running.
        """
        unknown = {cost_shape(step): step for step in steps if self.estimate(step).origin in ("rough", "unknown")}
        if not unknown:
            return
        pool: list[Worker] = []
        try:
            rows: dict[Step, int] = {}
            for step, message in self._answers(pool, unknown.values(), Worker.weigh, cores()):
                rows[step] = message.rows if isinstance(message, Weighing) else 0
                self._note(step, message, say)
            fitting = [step for step in unknown.values() if rows[step]]
            measured = self._answers(pool, fitting, lambda worker, step: worker.calibrate(step, rows[step]), workers)
            for step, message in measured:
                self._note(step, message, say)
        finally:
            for worker in pool:
                worker.stop()
        try:
            _write(self.file, self.calibrated)
        except OSError as error:  # what was measured serves this plan all the same
            say(f"{self.file} cannot be written: {error.strerror}")

    def _answers(
        self, pool: list[Worker], steps: Iterable[Step], ask: Callable[[Worker, Step], None], most: int
    ) -> Iterator[tuple[Step, Message]]:
        """Ask the workers of `pool`, `most` of them at a time, about every step; who dies is replaced."""
        pending = list(steps)
        while pending or any(worker.step for worker in pool):
            busy = [worker for worker in pool if worker.step]
            while pending and len(busy) < most:
                worker = next((worker for worker in pool if worker.step is None), None)
                if worker is None:
                    worker = Worker(self.store.root, self.threads)
                    pool.append(worker)
                ask(worker, pending.pop())
                busy.append(worker)
            ends = {worker.connection: worker for worker in busy}
            for end in wait(list(ends)):
                worker = ends[end]  # type: ignore[index]
                for message in worker.messages():
                    step, worker.step = worker.step, None
                    if step is not None:
                        yield step, message
            for worker in [worker for worker in pool if not worker.process.is_alive()]:
                worker.stop()
                pool.remove(worker)

    def _note(self, step: Step, message: Message, say: Callable[[str], None]) -> None:
        if isinstance(message, Weighing):
            if message.weight is not None:
                self._keep(step, {"weight": asdict(message.weight)})
            if message.unweighed:
                say(f"{step.label} could not be weighed before it was measured: {message.unweighed}")
            elif message.weight is not None and not message.rows:
                say(f"{step.label} is too large to be measured here: {_heavy(message.weight)}")
        elif isinstance(message, Calibrated):
            if message.cost is not None:
                self._keep(step, asdict(message.cost))
        else:
            say(f"{step.label} could not be calibrated: {getattr(message, 'reason', message)}")

    def _keep(self, step: Step, known: dict[str, Any]) -> None:
        self.calibrated.setdefault(self._key(step), {}).update(known)

    def _learn(self, manifest: Manifest) -> None:
        try:
            here = manifest["host"]["processor"] == processor() and manifest["threads"] == self.threads
            seen = max(1, int(manifest["units"])), float(manifest["seconds"])
            if here:
                self.by_shape.setdefault(manifest["shape"], []).append(seen)
                self.by_kind.setdefault(manifest["kind"], []).append(seen)
        except (KeyError, TypeError, ValueError, OverflowError):
            return  # another version's manifest teaches nothing

    def _key(self, step: Step) -> str:
        return digest([processor(), self.threads, cost_shape(step)])


def simulate(steps: Iterable[Step], seconds: Mapping[str, float], workers: int) -> float:
    """Return how long `steps` (parents first; other parents are done) take, longest critical path first."""
    waiting = list(steps)
    priority = critical_path(waiting, seconds)
    waiting.sort(key=lambda step: -priority[step.digest])
    open_digests = {step.digest for step in waiting}
    running: list[tuple[float, str]] = []
    now = 0.0
    while waiting or running:
        ready = [n for n in waiting if not any(parent.digest in open_digests for parent in n.parents.values())]
        for step in ready[: workers - len(running)]:
            waiting.remove(step)
            heapq.heappush(running, (now + seconds[step.digest], step.digest))
        now, finished = heapq.heappop(running)
        open_digests.discard(finished)
    return now


def _heavy(weight: Weight) -> str:
    effort = f", one measured step {weight.effort:.0e} FLOPs" if weight.effort else ""
    return f"{weight.parameters:,} parameters need {weight.state / 1e9:.0f} GB{effort}"


def count_parameters(weights: Path) -> int | None:
    """Count the numbers in a safetensors file by its header alone, or None when there is no such file."""
    try:
        with safe_open(weights, framework="np") as file:
            return sum(int(prod(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return None


def _scaled(seen: list[tuple[int, float]], count: int) -> float:
    """Scale (units, seconds) to `count` units, from the runs of the nearest length: those share their fixed costs."""
    nearest = min(abs(log(units / count)) for units, _ in seen)
    return median(seconds * count / units for units, seconds in seen if abs(log(units / count)) == nearest)


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """What was calibrated; what is damaged is measured again."""
    try:
        known = parsed(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: costs for key, costs in known.items() if _sound(costs)}


def _sound(costs: object) -> bool:
    """Whether these are the numbers of a Cost, and of a Weight, or of either."""
    if not isinstance(costs, dict):
        return False
    weight = costs.get("weight") or {}
    numbers = [value for key, value in costs.items() if key != "weight" and value is not None]
    if not isinstance(weight, dict) or not all(isinstance(one, int | float) for one in (*numbers, *weight.values())):
        return False
    try:
        if weight:
            Weight(**weight)
        if set(costs) - {"weight"}:
            Cost(**{key: value for key, value in costs.items() if key != "weight"})
    except TypeError:
        return False
    return True


def _write(file: Path, known: Mapping[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    durable.write(file, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())
