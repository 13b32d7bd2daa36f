"""The expected time of each step: units of work times seconds per unit.

Seconds per unit come from finished stages of equal shape on the same processor with the same threads; else from a short
calibration by the stage itself, kept in `<store>/calibration.json`; else, roughly, from finished stages of its kind.

A calibration by one thread is in processor time, which other work hardly changes (`training.clock`). One by several
threads may be 25 times too slow beside other work. So the load of the machine is kept with it, and it is repeated when
much of that load is gone.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from math import log
from multiprocessing.connection import wait
from pathlib import Path
from statistics import median
from typing import Any

from pali3kit import durable
from pali3kit.catalogue import STAGE
from pali3kit.config.digest import digest
from pali3kit.execution.host import cores, load_average, processor
from pali3kit.execution.manifest import Manifest, parse_mapping
from pali3kit.execution.messages import Calibrated, Message, Profiled
from pali3kit.execution.process import Worker
from pali3kit.execution.store import Store
from pali3kit.execution.workload import cost_shape, shape, units
from pali3kit.plan.step import Step
from pali3kit.training.context import MemoryProfile, StageCost

BUSY = 0.5  # processes a core that run or wait, beside which a calibration is not to be trusted


@dataclass(frozen=True, slots=True)
class Estimate:
    """The expected cost of a step. `seconds` is None if unknown; `origin` is the source of that value.

    `disk` is the size in bytes of the artifact, of stages that write large ones.
    """

    seconds: float | None
    origin: str
    parameters: int | None = None
    tokens: int | None = None
    profile: MemoryProfile | None = None
    disk: int = 0


class Forecast:
    """The known costs of steps on this machine with `threads` threads per stage."""

    def __init__(self, store: Store, threads: int) -> None:
        self.store, self.threads = store, threads
        self.load = load_average() if threads > 1 else 0.0
        self.file = store.root / "calibration.json"
        self.calibrated = _read(self.file)
        self.by_shape: dict[str, list[tuple[int, float]]] = {}
        self.by_kind: dict[str, list[tuple[int, float]]] = {}
        for manifest in store.manifests():
            self._learn(manifest)

    def estimate(self, step: Step) -> Estimate:
        """The best known cost of running `step`."""
        cost, profile = self._calibrated(step)
        found = cost or profile
        tokens = found.tokens * units(step) if found and found.tokens else None
        sizes = (found.parameters if found else None, tokens, profile, units(step) * found.disk if found else 0)
        if runs := self.by_shape.get(shape(step)):
            return Estimate(_scaled(runs, units(step)), "measured", *sizes)
        if cost:
            return Estimate(cost.fixed + cost.seconds * units(step), "calibrated", *sizes)
        if profile:
            return Estimate(None, "its shapes", *sizes)
        if runs := self.by_kind.get(step.kind):
            return Estimate(_scaled(runs, units(step)), "rough")
        return Estimate(None, "unknown")

    def _calibrated(self, step: Step) -> tuple[StageCost | None, MemoryProfile | None]:
        """The measured cost and the profile of a calibrated step of this shape."""
        cost = dict(self.calibrated.get(self._key(step)) or {})
        profile = cost.pop("profile", None)
        cost.pop("load", None)
        return StageCost(**cost) if cost else None, MemoryProfile(**profile) if profile else None

    def seconds(self, steps: Iterable[Step]) -> dict[str, float]:
        """Seconds by digest, for the scheduler: a step without an estimate gets the first guess of its kind, which is
        for components of the size of the scale `embedded`.
        """
        estimates = {step: self.estimate(step).seconds for step in steps}
        return {
            step.digest: units(step) * STAGE.find(step.kind).seconds if seconds is None else seconds
            for step, seconds in estimates.items()
        }

    def calibrate(self, steps: Iterable[Step], workers: int, say: Callable[[str], None], timed: bool = True) -> None:
        """Calibrate the steps without an exact estimate, or with one from a busier machine, once per shape.

        All are first profiled on the meta device, on all cores. Those that fit this machine are then timed, `workers`
        at a time: they share the machine as they will when running. Without `timed` only the profiles are found, by one
        process, since to import torch takes as long as ten profiles; they are not kept for later plans, which would
        take them for all that can be known here.
        """
        is_asked = self._is_unknown if timed else self._has_no_profile
        unknown = {cost_shape(step): step for step in steps if is_asked(step)}
        if not unknown:
            return
        pool: list[Worker] = []
        try:
            rows: dict[Step, int] = {}
            for step, message in self._answers(pool, unknown.values(), Worker.profile_on_meta, cores() if timed else 1):
                rows[step] = message.rows if isinstance(message, Profiled) else 0
                self._note(step, message, say, timed)
            fitting = [step for step in unknown.values() if rows[step] and timed]
            measured = self._answers(pool, fitting, lambda worker, step: worker.calibrate(step, rows[step]), workers)
            for step, message in measured:
                self._note(step, message, say)
            if fitting and self._is_busy(self.load):
                text = f"this machine is busy (load {self.load:.1f} on {cores()} cores): times calibrated now"
                say(f"{text} are too long, and are measured again by a `plan` when it is idle")
        finally:
            for worker in pool:
                worker.stop()
        if not timed:
            return
        try:
            _write(self.file, self.calibrated)
        except OSError as error:  # this plan still uses what was measured
            say(f"{self.file} cannot be written: {error.strerror}")

    def _is_unknown(self, step: Step) -> bool:
        """Whether a step has no exact estimate, or one that was calibrated beside work most of which is gone."""
        origin, then = self.estimate(step).origin, self.calibrated.get(self._key(step), {}).get("load", 0.0)
        return origin in ("rough", "unknown") or (
            origin == "calibrated" and self._is_busy(then) and self.load < then / 2
        )

    def _has_no_profile(self, step: Step) -> bool:
        return self._calibrated(step)[1] is None

    @staticmethod
    def _is_busy(processes: float) -> bool:
        return processes > BUSY * cores()

    def _answers(
        self, pool: list[Worker], steps: Iterable[Step], ask: Callable[[Worker, Step], None], limit: int
    ) -> Iterator[tuple[Step, Message]]:
        """Ask up to `limit` workers of `pool` at a time about the steps; dead workers are replaced."""
        pending = list(steps)
        while pending or any(worker.step for worker in pool):
            busy = [worker for worker in pool if worker.step]
            while pending and len(busy) < limit:
                worker = next((worker for worker in pool if worker.step is None), None)
                if worker is None:
                    worker = Worker(self.store, self.threads)
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

    def _note(self, step: Step, message: Message, say: Callable[[str], None], timed: bool = True) -> None:
        if isinstance(message, Profiled):
            if message.profile is not None:
                self._keep(step, {"profile": asdict(message.profile)})
            if message.problem:
                say(f"{step.label} could not be profiled on the meta device: {message.problem}")
            elif message.profile is not None and not message.rows and timed:
                say(f"{step.label} is too large to be measured here: {_demand(message.profile)}")
        elif isinstance(message, Calibrated):
            if message.cost is not None:
                self._keep(step, {**asdict(message.cost), "load": self.load})
        else:
            say(f"{step.label} could not be calibrated: {getattr(message, 'reason', message)}")

    def _keep(self, step: Step, known: dict[str, Any]) -> None:
        self.calibrated.setdefault(self._key(step), {}).update(known)

    def _learn(self, manifest: Manifest) -> None:
        try:
            here = manifest["host"]["processor"] == processor() and manifest["threads"] == self.threads
            run = max(1, int(manifest["units"])), float(manifest["seconds"])
            if here:
                self.by_shape.setdefault(manifest["shape"], []).append(run)
                self.by_kind.setdefault(manifest["kind"], []).append(run)
        except (KeyError, TypeError, ValueError, OverflowError):
            return  # a manifest of another version

    def _key(self, step: Step) -> str:
        return digest([processor(), self.threads, cost_shape(step)])


def _demand(profile: MemoryProfile) -> str:
    flops = f", one measured step {profile.effort:.0e} FLOPs" if profile.effort else ""
    return f"{profile.parameters:,} parameters need {profile.state / 1e9:.0f} GB{flops}"


def _scaled(runs: list[tuple[int, float]], count: int) -> float:
    """Scale runs of (units, seconds) to `count` units; only those nearest in length, as fixed costs do not scale."""
    nearest = min(abs(log(units / count)) for units, _ in runs)
    return median(seconds * count / units for units, seconds in runs if abs(log(units / count)) == nearest)


def _read(file: Path) -> dict[str, dict[str, Any]]:
    """The calibrations in a file; damaged ones are left out, so that they are measured again."""
    try:
        known = parse_mapping(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return {key: costs for key, costs in known.items() if _is_valid(costs)}


def _is_valid(costs: object) -> bool:
    """Whether `costs` holds the fields of a StageCost, a profile, or both, as numbers."""
    if not isinstance(costs, dict):
        return False
    profile = costs.get("profile") or {}
    numbers = [value for key, value in costs.items() if key != "profile" and value is not None]
    if not isinstance(profile, dict) or not all(isinstance(one, int | float) for one in (*numbers, *profile.values())):
        return False
    try:
        if profile:
            MemoryProfile(**profile)
        if set(costs) - {"profile", "load"}:
            StageCost(**{key: value for key, value in costs.items() if key not in ("profile", "load")})
    except TypeError:
        return False
    return True


def _write(file: Path, known: Mapping[str, object]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    durable.write_atomically(file, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())
