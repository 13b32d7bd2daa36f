"""What a run will do, before it does it: every stage, whether it is done, its size, and the time it will take."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pali3kit.ablation.estimates import Estimate, Forecast, count_parameters, simulate
from pali3kit.ablation.graph import build
from pali3kit.ablation.host import allot, processor
from pali3kit.ablation.node import Node
from pali3kit.ablation.store import Store
from pali3kit.ablation.workload import units
from pali3kit.config.schema import Experiment

# torch and lightning are imported once per worker, while nothing else can be done: 5 s on two quiet cores.
STARTUP_SECONDS = 5.0


def plan(experiment: Experiment, console: Console | None = None) -> float:
    """Print the stage graph with a forecast and return the forecast's seconds. Nothing is trained.

    Shapes that were never run here are calibrated first, which takes some seconds each.
    """
    console = console or Console()
    graph, store = build(experiment), Store(Path(experiment.runtime.store))
    workers, threads = allot(experiment.runtime, len(graph.cells))
    missing = [node for node in graph.nodes if not store.done(node)]
    forecast = Forecast(store, threads)
    with console.status("measuring this machine"):
        forecast.calibrate(missing, workers, lambda text: console.print(escape(text), style="yellow"))
    estimates = {node.digest: forecast.estimate(node) for node in graph.nodes}
    absent = {node.digest for node in missing}
    console.print(_table(graph.nodes, absent, estimates, store))
    seconds = {digest: estimates[digest].seconds or 0.0 for digest in absent}
    total = simulate(missing, seconds, workers) + (STARTUP_SECONDS if missing else 0.0)
    unknown = sum(estimates[digest].seconds is None for digest in absent)
    console.print(
        f"{len(missing)} of {len(graph.nodes)} stages to run on {workers} x {threads} threads of {processor()}: "
        + ("at least " if unknown else "about ")
        + as_time(total)
        + (f" ({unknown} stages cannot be forecast)" if unknown else ""),
        highlight=False,
        soft_wrap=True,
    )
    return total


def as_time(seconds: float) -> str:
    """Say a duration in the unit that suits it."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _table(nodes: list[Node], absent: set[str], estimates: dict[str, Estimate], store: Store) -> Table:
    table = Table("stage", "state", box=SIMPLE_HEAD, pad_edge=False)
    for name in ("units", "parameters", "tokens", "time"):
        table.add_column(name, justify="right")
    table.add_column("known from")
    for node in nodes:
        estimate = estimates[node.digest]
        done = node.digest not in absent
        parameters = count_parameters(store.path(node) / "weights.safetensors") if done else estimate.parameters
        seconds = float(store.manifest(node)["seconds"]) if done else estimate.seconds
        table.add_row(
            escape(node.label),
            "[green]done" if done else "will run",
            _count(units(node)),
            _count(parameters),
            _count(estimate.tokens),
            "?" if seconds is None else as_time(seconds),
            "its manifest" if done else estimate.origin,
        )
    return table


def _count(number: int | None) -> str:
    return "-" if number is None else f"{number:,}"
