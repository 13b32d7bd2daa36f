"""The plan of a run: every step, whether it is done, why it will run, its size, and the time it will take."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from shutil import disk_usage

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from safetensors import SafetensorError, safe_open

from pali3kit.catalogue import STAGE
from pali3kit.config.attention import describe_attention
from pali3kit.config.runtime import Runtime
from pali3kit.config.schema import Experiment
from pali3kit.errors import counted
from pali3kit.execution.estimates import Estimate, Forecast
from pali3kit.execution.host import divide_cores, processor
from pali3kit.execution.needs import Needs, find_needs, sources
from pali3kit.execution.nodes import split_by_nodes
from pali3kit.execution.reasons import Reasons
from pali3kit.execution.store import Store
from pali3kit.execution.workload import units
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step, critical_path

STARTUP_SECONDS = 5.0  # to import torch and lightning in all workers, on two idle cores
GIBI = 1 << 30
FP32 = 4  # bytes
PAGE_WIDTH = 160  # columns, without a terminal


def plan(experiment: Experiment, console: Console | None = None) -> float:
    """Print the steps of an experiment, why each will run, and a forecast; return the forecast's seconds.

    Steps of shapes that never ran here are calibrated first, which takes a few seconds each.
    """
    console = console or _console()
    graph, store = build(experiment), Store.of(experiment.runtime)
    workers, threads = divide_cores(experiment.runtime, len(graph.cells))
    with console.status("reading artifacts"):
        needs = find_needs(graph, store)
    missing = needs.make
    forecast = Forecast(store, threads)
    with console.status("measuring this machine"):
        forecast.calibrate(missing, workers, lambda text: console.print(escape(text), style="yellow"))
    estimates = {step.digest: forecast.estimate(step) for step in graph.steps}
    absent = {step.digest for step in missing}
    reasons = Reasons(store)
    why = {step.digest: reasons.why(step) for step in missing}
    console.print(_table(graph.steps, needs, why, estimates, store, experiment.runtime))
    seconds = {digest: estimates[digest].seconds or 0.0 for digest in absent}
    total = _simulate(missing, seconds, workers) + (STARTUP_SECONDS if missing else 0.0)
    unknown = sum(estimates[digest].seconds is None for digest in absent)
    console.print(
        f"{len(missing)} of {counted(len(graph.steps), 'stage')} to run on {workers} x {threads} threads of "
        + f"{processor()}: "
        + ("at least " if unknown else "about ")
        + _as_time(total)
        + (f" ({counted(unknown, 'stage')} cannot be forecast)" if unknown else ""),
        highlight=False,
        soft_wrap=True,
    )
    if where := sources(needs, store):
        console.print(f"of the others {where}", highlight=False, soft_wrap=True, markup=False)
    for line in store.passed_over:
        console.print(escape(f"{line}: passed over"), style="yellow", highlight=False, soft_wrap=True)
    if attention := describe_attention(experiment):
        console.print(attention, highlight=False, soft_wrap=True)
    if size := sum(estimates[digest].disk for digest in absent):
        console.print(_disk_needed(size, store.root), highlight=False, soft_wrap=True)
    for step in split_by_nodes(missing, experiment)[1]:
        nodes = experiment.runtime.of(step.kind).nodes
        text = f"{step.label} needs {nodes} nodes: a run prints the commands that launch it"
        console.print(escape(text), style="yellow", highlight=False, soft_wrap=True)
    if lines := _too_large(missing, estimates, experiment.runtime):
        console.print("\n".join(lines), style="yellow", highlight=False, soft_wrap=True)
    return total


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
    doubt = f", {counted(guessed, 'stage')} only guessed at: `plan` measures first" if guessed else ""
    return f"about {_as_time(total)} of work{doubt}"


def _console() -> Console:
    """The terminal; without one, a console that is wide enough for the table."""
    console = Console()
    return console if console.is_terminal else Console(width=PAGE_WIDTH)


def _disk_needed(size: int, root: Path) -> str:
    """The disk space that the features of frozen encoders and the corpus will take, and whether that much is free."""
    there = next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.exists())
    free = disk_usage(there).free
    text = f"features of frozen encoders and the corpus will take {size / GIBI:.3g} GiB in {escape(str(root))}"
    if size <= free:
        return text
    return (
        f"[yellow]{text}, where {free / GIBI:.3g} are free: lower data.train or stages.language.examples, or store no"
        " features with data.cache=false"
    )


def _too_large(steps: list[Step], estimates: dict[str, Estimate], runtime: Runtime) -> list[str]:
    """A warning about steps that do not fit `runtime.memory`, with the options that reduce memory."""
    needs = {step.label: _bytes(step, estimates[step.digest], runtime.of(step.kind)) or 0 for step in steps}
    large = [label for label, need in needs.items() if 0 < runtime.memory * GIBI < need]
    if not large:
        return []
    return [
        f"{', '.join(large)}: more than the {runtime.memory:g} GiB of a device. To save memory: "
        f"runtime.gradient_checkpointing=true,"
        " a lower runtime.max_tokens_per_microbatch, runtime.devices with runtime.strategy=fsdp (or these keys in "
        "runtime.stages, for one kind of stage), an optimizer with smaller moments."
    ]


def _bytes(step: Step, estimate: Estimate, runtime: Runtime) -> int | None:
    """The fp32 bytes of one device: its share of parameters, gradients and optimizer state, and the activations of one
    microbatch. `runtime` is that of the step's kind. None if unknown.

    With shards and several microbatches, a device also keeps all gathered matrices and its own sum of their gradients.
    """
    profile = estimate.profile
    if profile is None:
        return None
    kind, training = STAGE.find(step.kind), getattr(step.config, "training", None)
    ranks, shards = (runtime.world_size, runtime.shards) if kind.distributed else (1, 1)
    rows = fitting = training.batch_size // ranks if training is not None else 0
    if runtime.max_tokens_per_microbatch and kind.microbatched:
        fitting = min(rows, max(1, runtime.max_tokens_per_microbatch // max(1, profile.tokens)))
    state = profile.state // (shards if training is not None else 1)
    whole = 2 * FP32 * profile.parameters if shards > 1 and fitting < rows else 0
    recomputes = runtime.gradient_checkpointing and kind.gradient_checkpointing
    return state + whole + fitting * (profile.recomputed if recomputes else profile.activations)


def _as_time(seconds: float) -> str:
    """A duration in seconds, minutes or hours."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


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
    for name in ("units", "parameters", "tokens", "FLOPs", "GiB", "time"):
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
            _flops(step, estimate),
            _gibibytes(_bytes(step, estimate, runtime.of(step.kind))),
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


def _flops(step: Step, estimate: Estimate) -> str:
    """The FLOPs of the whole stage; a training step takes three times those of a forward pass."""
    flops = estimate.profile.flops if estimate.profile else 0
    return f"{(3 if 'training' in step.plain else 1) * flops * units(step):.1e}" if flops else "-"


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
