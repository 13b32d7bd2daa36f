"""The plan of a run: every step, whether it is done, why it will run, its size, and the time it will take."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from math import prod
from pathlib import Path
from shutil import disk_usage

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from safetensors import SafetensorError, safe_open

from pali3kit.config.attention import describe_attention
from pali3kit.config.hardware import ACCELERATORS
from pali3kit.config.memory import GIBI
from pali3kit.config.runtime import Runtime
from pali3kit.config.schema import Experiment
from pali3kit.errors import StageError, counted
from pali3kit.execution.demand import device_bytes, device_seconds, ranks_of, total_flops
from pali3kit.execution.estimates import Estimate, Forecast
from pali3kit.execution.host import divide_cores, processor
from pali3kit.execution.needs import Needs, find_needs, sources
from pali3kit.execution.nodes import split_by_nodes
from pali3kit.execution.reasons import Reasons
from pali3kit.execution.store import Store
from pali3kit.execution.workload import units
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step, critical_path
from pali3kit.streams import new_console

STARTUP_SECONDS = 5.0  # to import torch and lightning in all workers, on two idle cores
PAGE_WIDTH = 160  # columns, without a terminal


def plan(experiment: Experiment, console: Console | None = None) -> float:
    """Print the steps of an experiment, why each will run, and a forecast; return the forecast's seconds.

    Steps of shapes that never ran here are calibrated first, which takes a few seconds each. With `runtime.hardware`
    nothing is measured: time and memory are those of that accelerator.

    Raises StageError where a step does not fit the accelerator, after all is printed.
    """
    console = console or _console()
    graph, store = build(experiment), Store.of(experiment.runtime)
    workers, threads = divide_cores(experiment.runtime, len(graph.cells))
    with console.status("reading artifacts"):
        needs = find_needs(graph, store)
    missing = needs.make
    forecast = Forecast(store, threads)
    runtime = experiment.runtime
    with console.status("measuring this machine"):
        say = partial(console.print, style="yellow", markup=False)
        forecast.calibrate(missing, workers, say, timed=runtime.hardware is None)
    estimates = {step.digest: estimate_on(forecast, step, runtime) for step in graph.steps}
    absent = {step.digest for step in missing}
    reasons = Reasons(store)
    why = {step.digest: reasons.why(step) for step in missing}
    console.print(_table(graph.steps, needs, why, estimates, store, runtime))
    seconds = {digest: estimates[digest].seconds or 0.0 for digest in absent}
    at_once = len(missing) if runtime.hardware else workers
    total = _simulate(missing, seconds, at_once) + (STARTUP_SECONDS if missing else 0.0)
    unknown = sum(estimates[digest].seconds is None for digest in absent)
    console.print(
        f"{len(missing)} of {counted(len(graph.steps), 'stage')} to run on "
        + (_cluster(missing, estimates, runtime) or f"{workers} x {threads} threads of {processor()}")
        + (": at least " if unknown else ": about ")
        + _as_time(total)
        + (f" ({counted(unknown, 'stage')} cannot be forecast)" if unknown else ""),
        highlight=False,
        soft_wrap=True,
    )
    for line, style in _notes(experiment, needs, store, estimates):
        console.print(escape(line), style=style, highlight=False, soft_wrap=True)
    if (line := too_large(missing, estimates, runtime)) and runtime.hardware:
        raise StageError(line)
    return total


def _notes(
    experiment: Experiment, needs: Needs, store: Store, estimates: Mapping[str, Estimate]
) -> Iterator[tuple[str, str]]:
    """What is to be known about a plan beside its table, and the style of each line."""
    if where := sources(needs, store):
        yield f"of the others {where}", ""
    for line in store.passed_over:
        yield f"{line}: passed over", "yellow"
    if attention := describe_attention(experiment):
        yield attention, ""
    if size := sum(estimates[step.digest].disk for step in needs.make):
        yield _disk_needed(size, store.root)
    for step in split_by_nodes(needs.make, experiment)[1]:
        nodes = experiment.runtime.of(step.kind).nodes
        yield f"{step.label} needs {nodes} nodes: a run prints the commands that launch it", "yellow"
    line = too_large(needs.make, estimates, experiment.runtime)
    if line and not experiment.runtime.hardware:
        yield line, "yellow"


def estimate_on(forecast: Forecast, step: Step, runtime: Runtime) -> Estimate:
    """The cost of a step on this machine, or on `runtime.hardware`."""
    estimate, own = forecast.estimate(step), runtime.of(step.kind)
    if runtime.hardware is None:
        return estimate
    seconds = device_seconds(step, estimate, own)
    each = None if seconds is None else seconds / prod(ranks_of(step, own))
    return replace(estimate, seconds=each, origin="its shapes" if estimate.profile else "unknown")


def _cluster(missing: list[Step], estimates: Mapping[str, Estimate], runtime: Runtime) -> str:
    """The accelerator, and what it has to do, all devices together; "" without one."""
    if runtime.hardware is None:
        return ""
    chip = ACCELERATORS[runtime.hardware]
    work = sum(total_flops(step, estimates[step.digest]) for step in missing)
    hours = sum(device_seconds(step, estimates[step.digest], runtime.of(step.kind)) or 0.0 for step in missing) / 3600
    return (
        f"{runtime.hardware} at {runtime.utilization:.0%} of {chip.tflops:g} TFLOP/s, {work:.2g} FLOPs in {hours:,.0f}"
        " hours of one device, each stage once its parents are made"
    )


def _simulate(steps: Iterable[Step], seconds: Mapping[str, float], workers: int) -> float:
    """The seconds that `steps` take, scheduled by longest critical path. They come parents first; others are done."""
    waiting = list(steps)
    priority = critical_path(waiting, seconds)
    waiting.sort(key=lambda step: -priority[step.digest])
    unfinished = {step.digest for step in waiting}
    running: list[tuple[float, str]] = []
    now = 0.0
    while waiting or running:
        ready = [step for step in waiting if not any(parent.digest in unfinished for parent in step.parents.values())]
        for step in ready[: workers - len(running)]:
            waiting.remove(step)
            heapq.heappush(running, (now + seconds[step.digest], step.digest))
        now, finished = heapq.heappop(running)
        unfinished.discard(finished)
    return now


def expected_seconds(forecast: Forecast, missing: list[Step], workers: int) -> float:
    """How long a run should take, without calibration."""
    return _simulate(missing, forecast.seconds(missing), workers) + STARTUP_SECONDS


def expected_time(forecast: Forecast, missing: list[Step], workers: int) -> str:
    """The expected time of a run without calibration, and for how many steps it is only a guess."""
    total = expected_seconds(forecast, missing, workers)
    guessed = sum(forecast.estimate(step).seconds is None for step in missing)
    basis = "as if with models of the scale embedded on a slow core: `plan` measures first"
    doubt = f", {counted(guessed, 'stage')} only guessed at, {basis}" if guessed else ""
    return f"about {_as_time(total)} of work{doubt}"


def _console() -> Console:
    """The terminal; without one, a console that is wide enough for the table."""
    console = new_console()
    return console if console.is_terminal else Console(width=PAGE_WIDTH)


def _disk_needed(size: int, root: Path) -> tuple[str, str]:
    """The disk space that the features of frozen encoders and the corpus will take, and whether that much is free, with
    the style of this line.
    """
    there = next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.exists())
    free = disk_usage(there).free
    needed = f"{size / GIBI:.3g} GiB" if size >= GIBI / 100 else f"{size / 2**20:.2g} MiB"
    text = f"features of frozen encoders and the corpus will take {needed} in {root}"
    if size <= free:
        return text, ""
    return (
        f"{text}, where {free / GIBI:.3g} are free: lower data.train or stages.language.examples, or store no"
        " features with data.cache=false",
        "yellow",
    )


def too_large(steps: list[Step], estimates: Mapping[str, Estimate], runtime: Runtime) -> str:
    """What is wrong with steps that do not fit the memory of a device, with the options that reduce memory; or ""."""
    needs = {step.label: device_bytes(step, estimates[step.digest], runtime.of(step.kind)) or 0 for step in steps}
    most = runtime.device_memory * GIBI
    large = [f"{label} ({_gibibytes(need)} GiB)" for label, need in needs.items() if 0 < most < need]
    if not large:
        return ""
    return (
        f"{', '.join(large)}: more than the {runtime.device_memory:g} GiB of a device. To save memory: "
        f"runtime.gradient_checkpointing=true,"
        " a lower runtime.max_tokens_per_microbatch, runtime.devices with runtime.strategy=fsdp (or these keys in "
        "runtime.stages, for one kind of stage), an optimizer with smaller moments."
    )


def _as_time(seconds: float) -> str:
    """A duration in seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:,.1f} h"


def _table(
    steps: list[Step],
    needs: Needs,
    why: dict[str, str],
    estimates: dict[str, Estimate],
    store: Store,
    runtime: Runtime,
) -> Table:
    states = _states(needs, store)
    done = {step.digest for step in needs.done}
    table = Table("stage", "state", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("units", "parameters", "tokens", "FLOPs", *(["ranks"] if runtime.hardware else []), "GiB", "time"):
        table.add_column(name, justify="right")
    table.add_column("known from")
    table.add_column("why")
    for step in steps:
        estimate = estimates[step.digest]
        state, place = states[step.digest]
        is_done, runs = step.digest in done, step.digest in why
        parameters = _count_parameters(store.path(step) / "weights.safetensors") if is_done else estimate.parameters
        seconds = float(store.manifest(step)["seconds"]) if is_done else estimate.seconds
        table.add_row(
            escape(step.label),
            state,
            _count(units(step)),
            _count(parameters),
            _count(estimate.tokens),
            f"{work:.1e}" if (work := total_flops(step, estimate)) else "-",
            *(["{} x {}".format(*ranks_of(step, runtime.of(step.kind)))] if runtime.hardware else []),
            _gibibytes(device_bytes(step, estimate, runtime.of(step.kind))),
            ("?" if seconds is None else _as_time(seconds)) if is_done or runs else "-",
            "its manifest" if is_done else estimate.origin if runs else "-",
            escape(why.get(step.digest, place)),
        )
    return table


def _states(needs: Needs, store: Store) -> dict[str, tuple[str, str]]:
    """By digest, what will be done about a step, and where its artifact is if not in the store itself."""
    states = {step.digest: ("will run", "") for step in needs.make}
    states |= {step.digest: ("not needed", "") for step in needs.unneeded}
    for state, steps in (("[green]read", needs.done), ("[green]copy", needs.copy), ("not needed", needs.unread)):
        states |= {step.digest: (state, store.place(step)) for step in steps}
    for step in needs.done:
        if store.place(step) == str(store.root):
            states[step.digest] = ("[green]done", "")
    return states


def _count_parameters(weights: Path) -> int | None:
    """The number of parameters in a safetensors file, by its header; None if it cannot be read."""
    try:
        with safe_open(weights, framework="np") as file:
            return sum(int(prod(file.get_slice(name).get_shape())) for name in file.keys())  # noqa: SIM118
    except (OSError, SafetensorError):
        return None


def _gibibytes(size: int | None) -> str:
    return "-" if size is None else f"{size / GIBI:.3g}"


def _count(number: int | None) -> str:
    """Exact below ten million, else three significant digits and a letter."""
    if number is None or number < 10_000_000:
        return "-" if number is None else f"{number:,}"
    for letter, size in (("T", 1e12), ("B", 1e9)):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number / 1e6:.3g}M"
