"""Run an experiment: what is missing is made, what is there is kept, and the report is written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from types import FrameType

from rich.console import Console

from pali3kit import report
from pali3kit.config.schema import Experiment, Runtime
from pali3kit.evals.examples import demand_examples
from pali3kit.execution.estimates import Forecast
from pali3kit.execution.forecast import expected
from pali3kit.execution.host import allot
from pali3kit.execution.progress import Display, write_log
from pali3kit.execution.scheduler import Outcome, Scheduler
from pali3kit.execution.store import Store
from pali3kit.execution.verify import verify as verify_artifacts
from pali3kit.plan.graph import Graph, build
from pali3kit.plan.step import Step
from pali3kit.report import saved
from pali3kit.streams import lasting
from pali3kit.training.context import Execution

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asked the run to stop; not an Exception, so that nothing on the way swallows it."""

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(signal.Signals(number).name)


def run(experiment: Experiment, file: Path | None = None, console: Console | None = None) -> int:
    """Make what is missing, write `<runs>/<name>/`, and return the exit code. `file` is named in the log.

    0: all is there. 1: a stage failed, the report shows which cells. 128 + n: stopped by signal n (Ctrl-C is 130);
    the same call continues. Everything that happens is also written to `<runs>/<name>/log.txt`; nothing depends on who
    reads what is printed.
    """
    with lasting():
        return _run(experiment, file, console or Console())


def _run(experiment: Experiment, file: Path | None, console: Console) -> int:
    graph, store = build(experiment), Store.of(experiment.runtime)
    folder = Path(experiment.runtime.runs) / experiment.name
    with console.status("reading artifacts"):
        missing = store.missing(graph.steps)
    workers, threads = allot(experiment.runtime, len(graph.cells))
    forecast = Forecast(store, threads)
    costs = forecast.weights(missing)
    with console.status("looking for test examples"):
        demand_examples(missing)
    with Display(console, folder / "log.txt", costs) as display:
        write_log(display.log, f"{experiment.name} of {file or 'a program'}")
        _announce(display, graph, missing, store, workers, threads)
        if missing:
            display.say(f"{expected(forecast, missing, workers)}; results go to {folder}")
        try:
            with _signals_raised():
                execution = _execution(experiment.runtime)
                scheduler = Scheduler(
                    missing, store, display, costs, workers=workers, threads=threads, execution=execution
                )
                outcome = scheduler.run()
        except Interrupted as stop:
            display.say(
                f"stopped by {stop}: finished stages and checkpoints are kept, the same command continues from here"
            )
            return 128 + stop.number
    return _conclude(experiment, graph, store, folder, outcome, console, display)


def verify(place: Path, experiment: Experiment | None = None, console: Console | None = None) -> int:
    """Print which artifacts are damaged, and return how many: of `experiment`, or of a run folder or store at `place`.

    Raises DataError where the store is not found.
    """
    if experiment is not None:
        return verify_artifacts(Store.of(experiment.runtime), build(experiment).steps, console)
    if not (place / saved.EXPERIMENT).exists():
        return verify_artifacts(Store(place), None, console)
    experiment = saved.read_experiment(place)
    return verify_artifacts(Store(saved.find_store(experiment, place)), build(experiment).steps, console)


def _execution(runtime: Runtime) -> Execution:
    known = {field.name for field in fields(Execution)}
    return Execution(**{key: value for key, value in asdict(runtime).items() if key in known})


def _announce(display: Display, graph: Graph, missing: list[Step], store: Store, workers: int, threads: int) -> None:
    """Say what is there already, what will be made, and what is damaged."""
    total = len(graph.steps)
    if not missing:
        display.say(f"nothing to run: all {total} stages are in {store.root}")
        return
    for step in missing:
        if store.path(step).exists():
            display.say(f"{step.label} is damaged and will be made again: {store.damage(step)}", style="yellow")
    display.say(
        f"{len(missing)} of {total} stages to run on {workers} x {threads} threads; artifacts go to {store.root}"
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
    """Write and print the report; say what failed and where everything is."""
    result = report.collect(graph, store, experiment, outcome.failed)
    report.print_table(result, console)  # first: the disk may be too full for the files
    report.write_report(result, folder, experiment, report.timings(graph, store))
    if outcome.failed:
        failed = len(outcome.failed)
        count = f"{failed} stage{'s' * (failed > 1)} failed, {len(outcome.blocked)} more need what they would make"
        display.say(f"{count}; the same command tries again", style="bold red")
    display.say(f"results: {folder / 'report.html'} (also .md, .csv, .json); log: {folder / 'log.txt'}")
    return 1 if outcome.failed else 0


@contextmanager
def _signals_raised() -> Iterator[None]:
    """Turn SIGINT, SIGTERM and SIGHUP, unless that is ignored (`nohup`), into Interrupted.

    Outside the main thread Python allows no handlers: left alone.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise Interrupted(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    heeded = [number for number in SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heeded}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
