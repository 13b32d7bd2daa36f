"""What a run will do, before it does it: every stage, whether it is done, its size, and the time it will take."""

from __future__ import annotations

from pathlib import Path
from shutil import disk_usage

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pali3kit.catalogue import STAGE
from pali3kit.config.attention import describe_attention
from pali3kit.config.schema import Experiment, Runtime
from pali3kit.execution.estimates import Estimate, Forecast, count_parameters, simulate
from pali3kit.execution.host import allot, processor
from pali3kit.execution.reasons import Reasons
from pali3kit.execution.store import Store
from pali3kit.execution.workload import units
from pali3kit.plan.graph import build
from pali3kit.plan.step import Step

# torch and lightning are imported once per worker, while nothing else can be done: 5 s on two quiet cores.
STARTUP_SECONDS = 5.0
GIBI = 1 << 30
PAGE = 160  # columns


def plan(experiment: Experiment, console: Console | None = None) -> float:
    """Print the graph of steps, why each is to run, and a forecast; return the forecast's seconds. Nothing is trained.

    Shapes that were never run here are calibrated first, which takes some seconds each.
    """
    console = console or _console()
    graph, store = build(experiment), Store.of(experiment.runtime)
    workers, threads = allot(experiment.runtime, len(graph.cells))
    missing = store.missing(graph.steps)
    forecast = Forecast(store, threads)
    with console.status("measuring this machine"):
        forecast.calibrate(missing, workers, lambda text: console.print(escape(text), style="yellow"))
    estimates = {step.digest: forecast.estimate(step) for step in graph.steps}
    absent = {step.digest for step in missing}
    reasons = Reasons(store)
    why = {step.digest: reasons.why(step) for step in missing}
    console.print(_table(graph.steps, why, estimates, store, experiment.runtime))
    seconds = {digest: estimates[digest].seconds or 0.0 for digest in absent}
    total = simulate(missing, seconds, workers) + (STARTUP_SECONDS if missing else 0.0)
    unknown = sum(estimates[digest].seconds is None for digest in absent)
    console.print(
        f"{len(missing)} of {len(graph.steps)} stages to run on {workers} x {threads} threads of {processor()}: "
        + ("at least " if unknown else "about ")
        + as_time(total)
        + (f" ({unknown} stages cannot be forecast)" if unknown else ""),
        highlight=False,
        soft_wrap=True,
    )
    if attention := describe_attention(experiment):
        console.print(attention, highlight=False, soft_wrap=True)
    if kept := sum(estimates[digest].disk for digest in absent):
        console.print(_kept(kept, store.root), highlight=False, soft_wrap=True)
    if lines := _too_large(missing, estimates, experiment.runtime):
        console.print("\n".join(lines), style="yellow", highlight=False, soft_wrap=True)
    return total


def expected(forecast: Forecast, missing: list[Step], workers: int) -> str:
    """How long a run should take by what is known without measuring, and how many stages are guessed at."""
    total = simulate(missing, forecast.weights(missing), workers) + STARTUP_SECONDS
    guessed = sum(forecast.estimate(step).seconds is None for step in missing)
    plural = "" if guessed == 1 else "s"
    doubt = f", {guessed} stage{plural} only guessed at: `plan` measures first" if guessed else ""
    return f"about {as_time(total)} of work{doubt}"


def _console() -> Console:
    """The terminal, or where there is none a page that is wide enough for the table."""
    console = Console()
    return console if console.is_terminal else Console(width=PAGE)


def _kept(size: int, root: Path) -> str:
    """The room that the tokens of frozen encoders will take, and whether there is so much."""
    there = next(folder for folder in (root.absolute(), *root.absolute().parents) if folder.exists())
    free = disk_usage(there).free
    text = f"tokens of frozen encoders will take {size / GIBI:.3g} GiB in {escape(str(root))}"
    if size <= free:
        return text
    return f"[yellow]{text}, where {free / GIBI:.3g} are free: lower data.train, or keep none with data.cache=false"


def _too_large(steps: list[Step], estimates: dict[str, Estimate], runtime: Runtime) -> list[str]:
    """What does not fit the stated device, and what would make it smaller."""
    needs = {step.label: _bytes(step, estimates[step.digest], runtime) or 0 for step in steps}
    large = [label for label, need in needs.items() if 0 < runtime.memory * GIBI < need]
    if not large:
        return []
    return [
        f"{', '.join(large)}: more than the {runtime.memory:g} GiB of a device. Smaller: runtime.recompute=true, a"
        " lower runtime.most_tokens, runtime.ranks with runtime.strategy=fsdp, an optimizer with smaller moments."
    ]


def _bytes(step: Step, estimate: Estimate, runtime: Runtime) -> int | None:
    """Of one device: its share of the parameters and of what learns with them, and one pass' activations, in fp32."""
    weight = estimate.weight
    if weight is None:
        return None
    kind, training = STAGE.find(step.kind), getattr(step.config, "training", None)
    ranks = runtime.ranks if kind.spread else 1
    state = weight.state // (ranks if runtime.strategy == "fsdp" else 1)
    rows = training.batch_size // ranks if training is not None else 0
    if runtime.most_tokens and kind.passes:
        rows = min(rows, max(1, runtime.most_tokens // max(1, weight.tokens)))
    recomputes = runtime.recompute and kind.recomputes
    return state + rows * (weight.recomputed if recomputes else weight.activations)


def as_time(seconds: float) -> str:
    """Say a duration in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _table(
    steps: list[Step], why: dict[str, str], estimates: dict[str, Estimate], store: Store, runtime: Runtime
) -> Table:
    table = Table("stage", "state", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("units", "parameters", "tokens", "FLOPs", "GiB", "time"):
        table.add_column(name, justify="right")
    table.add_column("known from")
    table.add_column("why")
    for step in steps:
        estimate = estimates[step.digest]
        done = step.digest not in why
        parameters = count_parameters(store.path(step) / "weights.safetensors") if done else estimate.parameters
        seconds = float(store.manifest(step)["seconds"]) if done else estimate.seconds
        table.add_row(
            escape(step.label),
            "[green]done" if done else "will run",
            _count(units(step)),
            _count(parameters),
            _count(estimate.tokens),
            _flops(step, estimate),
            _gibibytes(_bytes(step, estimate, runtime)),
            "?" if seconds is None else as_time(seconds),
            "its manifest" if done else estimate.origin,
            escape(why.get(step.digest, "")),
        )
    return table


def _flops(step: Step, estimate: Estimate) -> str:
    """Of the whole stage: a step of training takes three times a forward pass."""
    flops = estimate.weight.flops if estimate.weight else 0
    return f"{(3 if 'training' in step.plain else 1) * flops * units(step):.1e}" if flops else "-"


def _gibibytes(size: int | None) -> str:
    return "-" if size is None else f"{size / GIBI:.3g}"


def _count(number: int | None) -> str:
    """Exact below ten million, else three digits and a letter."""
    if number is None or number < 10_000_000:
        return "-" if number is None else f"{number:,}"
    for letter, size in (("T", 1e12), ("B", 1e9)):
        if number >= size:
            return f"{number / size:.3g}{letter}"
    return f"{number / 1e6:.3g}M"
