"""The steps of a run as JSON, for whatever runs graphs of commands."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial

from pali3kit.config.memory import GIBI
from pali3kit.config.schema import Experiment
from pali3kit.errors import StageError
from pali3kit.execution.demand import device_bytes, ranks_of, total_flops
from pali3kit.execution.estimates import Forecast
from pali3kit.execution.forecast import estimate_on, too_large
from pali3kit.execution.host import divide_cores
from pali3kit.execution.needs import find_needs
from pali3kit.execution.store import Store
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step
from pali3kit.types import Json


def step_command(place: str, step: Step, settings: Sequence[str] = ()) -> list[str]:
    """The command of each rank that makes a step; `place` is a file, an experiment that ships or a run's folder."""
    return [sys.executable, "-m", "pali3kit.run", "step", place, step.name, *settings]


def list_steps(experiment: Experiment, place: str, settings: Sequence[str]) -> dict[str, Json]:
    """The steps that must be made, parents first, as plain JSON; nothing is measured, and what is not known is null.

    Keys of a step: `label`, `name` (of its artifact), `digest`, `kind`, `parents` (names of those in this list),
    `command` (of each rank, in this working folder), `nodes`, `devices` (of a node), `ranks`, `gib` (of memory, a
    device), `flops`, `hours` (on `runtime.hardware`, else on this machine as far as it made such steps).

    Raises StageError where `runtime.hardware` cannot hold a step.
    """
    runtime, store = experiment.runtime, Store.of(experiment.runtime)
    graph = build(experiment)
    workers, threads = divide_cores(runtime, len(graph.cells))
    missing = find_needs(graph, store).make
    forecast = Forecast(store, threads)
    forecast.calibrate(missing, workers, partial(print, file=sys.stderr), timed=False)
    estimates = {step.digest: estimate_on(forecast, step, runtime) for step in missing}
    if runtime.hardware and (line := too_large(missing, estimates, runtime)):
        raise StageError(line)
    names = {step.name for step in missing}

    def described(step: Step) -> dict[str, Json]:
        own, estimate = runtime.of(step.kind), estimates[step.digest]
        (nodes, devices), size = ranks_of(step, own), device_bytes(step, estimate, own)
        return {
            "label": step.label,
            "name": step.name,
            "digest": step.digest,
            "kind": step.kind,
            "parents": [parent.name for parent in step.parents.values() if parent.name in names],
            "command": list(step_command(place, step, settings)),
            "nodes": nodes,
            "devices": devices,
            "ranks": nodes * devices,
            "gib": None if size is None else size / GIBI,
            "flops": total_flops(step, estimate) or None,
            "hours": None if estimate.seconds is None else estimate.seconds / 3600,
        }

    return {
        "experiment": experiment.name,
        "hardware": runtime.hardware,
        "utilization": runtime.utilization if runtime.hardware else None,
        "steps": [described(step) for step in missing],
    }
