"""Run an experiment: run the steps whose artifacts are missing, then write the report."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from pathlib import Path
from shlex import join
from types import FrameType

from rich.console import Console
from rich.prompt import Confirm

from pali3kit import report
from pali3kit.config import saved
from pali3kit.config.attention import require_attention_backend
from pali3kit.config.schema import Experiment
from pali3kit.errors import counted
from pali3kit.evals.examples import require_examples
from pali3kit.execution.estimates import Forecast
from pali3kit.execution.forecast import expected_seconds, expected_time
from pali3kit.execution.host import divide_cores
from pali3kit.execution.known_runs import record_run
from pali3kit.execution.needs import Needs, gather, sources
from pali3kit.execution.nodes import split_by_nodes
from pali3kit.execution.progress import LOG, Display
from pali3kit.execution.scheduler import Outcome, Scheduler
from pali3kit.execution.store import Store
from pali3kit.execution.verify import verify_store
from pali3kit.plan.content import release_sources
from pali3kit.plan.graph import Graph, build
from pali3kit.plan.step import Step
from pali3kit.streams import failsafe_output, new_console

ASKED_SECONDS = 3600.0
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1)


class _Interrupted(BaseException):
    """The run was stopped by a signal. Not an Exception, so that no `except Exception` catches it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def run(experiment: Experiment, file: Path | None = None, console: Console | None = None) -> int:
    """Run the missing steps, write `<runs>/<name>/`, and return the exit code. `file` is mentioned in the log.

    0: all artifacts are there. 1: a stage failed, or must be launched on several nodes; the report shows the cells
    concerned. 128 + n: stopped by signal n (130 for Ctrl-C); the same call continues. All events are also written to
    `<runs>/<name>/log.txt`. A closed standard output does not stop the run.
    """
    with failsafe_output():
        return _run(experiment, file, console or new_console())


def _run(experiment: Experiment, file: Path | None, console: Console) -> int:
    graph, store = build(experiment), Store.of(experiment.runtime)
    folder = Path(experiment.runtime.runs) / experiment.name
    store.root.mkdir(parents=True, exist_ok=True)  # by which a report of artifacts from elsewhere alone finds it
    for refusal in record_run(store, folder, experiment):
        console.print(refusal, style="yellow", markup=False)
    try:
        with _signals_as_exceptions(), console.status("reading artifacts"):
            needs = gather(graph, store, Display(console, folder / LOG, {}).say)
    except _Interrupted as stop:
        console.print(f"stopped by {stop}: the same command continues from here")
        return 128 + stop.number
    missing = needs.make
    if missing:
        require_attention_backend(experiment)
    workers, threads = divide_cores(experiment.runtime, len(graph.cells))
    here, several, blocked = split_by_nodes(missing, experiment)
    forecast = Forecast(store, threads)
    costs = forecast.seconds(here)
    with console.status("looking for test examples"):
        require_examples(missing)
    release_sources()
    if here and _declined(console, forecast, here, workers):
        console.print("nothing was run")
        return 0
    with Display(console, folder / LOG, costs) as display:
        display.write_log(f"{experiment.name} from {file or 'a program'}")
        _announce(display, needs, len(here), store, workers, threads)
        if several:
            _announce_launches(display, several, len(blocked), experiment, folder)
        if here:
            display.say(f"{expected_time(forecast, here, workers)}; results go to {folder}")
        try:
            with _signals_as_exceptions():
                scheduler = Scheduler(
                    here, store, display, costs, workers=workers, threads=threads, experiment=experiment
                )
                outcome = scheduler.run()
        except _Interrupted as stop:
            display.say(
                f"stopped by {stop}: finished stages and checkpoints are kept, the same command continues from here"
            )
            return 128 + stop.number
    code = _conclude(experiment, graph, store, folder, outcome, console, display)
    if several:
        display.say(f"to be launched on several nodes: {', '.join(step.label for step in several)}", style="yellow")
    return 1 if several else code


def _declined(console: Console, forecast: Forecast, here: list[Step], workers: int) -> bool:
    """Whether somebody at a terminal does not want what takes longer than an hour. Programs are not asked."""
    if not (console.is_terminal and sys.stdin.isatty()) or expected_seconds(forecast, here, workers) < ASKED_SECONDS:
        return False
    return not Confirm.ask(f"{expected_time(forecast, here, workers)}. Go on?", console=console, default=True)


def verify(place: Path, experiment: Experiment | None = None, console: Console | None = None) -> int:
    """Print the damaged artifacts and return their number: those of `experiment` if given, else all of `place`.

    `place` is a run folder, whose experiment is read from it, or a store.

    Raises DataError if the store is not found.
    """
    if experiment is not None:
        return verify_store(
            Store.of(experiment.runtime, Path(experiment.runtime.store)), build(experiment).steps, console
        )
    if not (place / saved.EXPERIMENT).exists():
        return verify_store(Store(place), None, console)
    experiment = saved.read_experiment(place)
    store = Store.of(experiment.runtime, saved.find_store(experiment, place))
    return verify_store(store, build(experiment).steps, console)


def _announce(display: Display, needs: Needs, here: int, store: Store, workers: int, threads: int) -> None:
    """Print how many steps will run, where the artifacts of the others are, and which ones are damaged."""
    total, missing, where = needs.total, needs.make, sources(needs, store)
    if not missing and len(needs.done) == total and where == f"{total} in {store.root}":
        display.say(f"nothing to run: all {total} stages are in {store.root}")
        return
    if not missing:
        display.say(f"nothing to run: of {counted(total, 'stage')} {where}")
        return
    for step in missing:
        if store.path(step).exists():
            display.say(f"{step.label} is damaged and will be made again: {store.damage(step)}", style="yellow")
    display.say(
        f"{here} of {counted(total, 'stage')} to run on {workers} x {threads} threads; artifacts go to {store.root}"
    )
    if where:
        display.say(f"of the others {where}")


def _announce_launches(
    display: Display, several: list[Step], blocked: int, experiment: Experiment, folder: Path
) -> None:
    """Print how to launch the steps of several nodes, and write the experiment that the commands name."""
    saved.write_experiment(experiment, folder)
    for step in several:
        display.say(_launch_commands(step, experiment, folder), style="yellow")
    if blocked:
        depend = "stage depends" if blocked == 1 else "stages depend"
        display.say(f"{blocked} more {depend} on {'it' if len(several) == 1 else 'them'} and wait", style="yellow")


def _launch_commands(step: Step, experiment: Experiment, folder: Path) -> str:
    """How to launch a step on several nodes; `folder` holds the experiment."""
    runtime = experiment.runtime.of(step.kind)
    nodes, devices = str(runtime.nodes), str(runtime.devices)
    program = ["-m", "pali3kit.run", "step", str(folder), step.name]
    torchrun = ["torchrun", "--nnodes", nodes, "--nproc-per-node", devices, "--rdzv-backend", "c10d"]
    torchrun += ["--rdzv-endpoint", "HOST:29500", "--shutdown-timeout", str(ceil(runtime.grace_seconds))]
    torchrun += ["--signals-to-handle", "SIGTERM,SIGINT,SIGHUP,SIGUSR1"]
    srun = ["srun", "--nodes", nodes, "--ntasks-per-node", devices, "python", *program]
    return (
        f"{step.label} needs {nodes} nodes. Once its parents are made, launch it and run the same command again:\n"
        f"  on each node:   {join([*torchrun, *program])}\n"
        f"  or under SLURM: {join(srun)}"
    )


def _conclude(
    experiment: Experiment,
    graph: Graph,
    store: Store,
    folder: Path,
    outcome: Outcome,
    console: Console,
    display: Display,
) -> int:
    """Print and write the report, print failures and where the files are, and return the exit code."""
    result = report.collect(graph, store, experiment, outcome.failed)
    report.print_table(result, console)  # before writing the files, for which the disk may be too full
    report.write_report(result, folder, experiment, report.timings(graph, store))
    if outcome.failed:
        failed, blocked = len(outcome.failed), len(outcome.blocked)
        count = f"{counted(failed, 'stage')} failed, {blocked} more depend on {'it' if failed == 1 else 'them'}"
        display.say(f"{count}; the same command tries again", style="bold red")
    display.say(f"results: {folder / 'report.html'} ({_beside(folder)}); log: {folder / LOG}")
    return 1 if outcome.failed else 0


def _beside(folder: Path) -> str:
    """The names of the other files of a report."""
    names = sorted(file.name for file in folder.iterdir() if file.is_file() and file.suffix != ".txt")
    return "also " + ", ".join(name for name in names if name != "report.html")


@contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Turn SIGINT, SIGTERM, SIGUSR1, and SIGHUP unless it is ignored (`nohup`), into _Interrupted.

    Outside the main thread, where Python allows no signal handlers, this does nothing.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise _Interrupted(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    handled = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
