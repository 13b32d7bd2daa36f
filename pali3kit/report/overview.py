"""The runs in a folder: what each is, when it ended, how long it took, how big it is, and whether it is complete."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table as RichTable
from rich.text import Text

from pali3kit.config.grid import points
from pali3kit.config.saved import EXPERIMENT, find_store, read_experiment
from pali3kit.errors import DataError, Pali3Error, counted
from pali3kit.execution.known_runs import reported_artifacts
from pali3kit.execution.manifest import MANIFEST, read_manifest
from pali3kit.execution.progress import LOG
from pali3kit.report.html import duration


@dataclass(frozen=True, slots=True)
class _Summary:
    """A line of the overview."""

    name: str
    what: str
    ended: str
    seconds: str
    size: str
    state: str


def print_runs(folder: Path, console: Console | None = None) -> int:
    """Print a line for each run in a folder, the last one first; return their number.

    The time is that of all stages, whichever run made them; artifacts that runs share count for each of them.

    Raises DataError where there is no folder.
    """
    console = console or Console()
    if not folder.is_dir():
        raise DataError(f"there is no folder {folder} of runs.")
    runs = sorted((file.parent for file in folder.glob(f"*/{LOG}")), key=_changed, reverse=True)
    grid = RichTable(title=Text(f"{counted(len(runs), 'run')} in {folder}"), title_justify="left", title_style="bold")
    for header in ("run", "what", "ended", "took", "artifacts", "state"):
        grid.add_column(header, justify="right" if header in ("took", "artifacts") else "left", overflow="fold")
    for summary in map(_summary, runs):
        grid.add_row(*(Text(getattr(summary, name)) for name in _Summary.__slots__))
    console.print(grid)
    return len(runs)


def _changed(run: Path) -> float:
    return (run / LOG).stat().st_mtime


def _summary(run: Path) -> _Summary:
    ended = datetime.fromtimestamp(_changed(run)).strftime("%Y-%m-%d %H:%M")
    try:
        statuses = reported_artifacts(run)
        return _Summary(run.name, _what(run), ended, _took(run), _size(run, statuses), _state(run, statuses))
    except (Pali3Error, OSError, ValueError, KeyError, TypeError) as error:
        return _Summary(run.name, "", ended, "", "", f"cannot be read: {error}")


def _what(run: Path) -> str:
    """The arms or axes, scale, seeds and columns of a run."""
    if not (run / EXPERIMENT).is_file():
        return ""
    experiment = read_experiment(run)
    cells, seeds, columns = len(points(experiment)), len(experiment.seeds), len(experiment.evaluate)
    words = [f"{experiment.paper}," if experiment.paper else "", f"scale {experiment.scale}:"]
    counts = [counted(count, word) for count, word in ((cells, "cell"), (seeds, "seed"), (columns, "benchmark"))]
    return " ".join([*filter(None, words), ", ".join(counts)])


def _took(run: Path) -> str:
    file = run / "timings.json"
    return duration(json.loads(file.read_bytes())["seconds"]) if file.is_file() else ""


def _size(run: Path, statuses: dict[str, str]) -> str:
    """The bytes of the artifacts on this machine that its report rests on."""
    if not (run / EXPERIMENT).is_file():
        return ""
    try:
        store = find_store(read_experiment(run), run)
    except DataError:
        return "store gone"
    return decimal(sum(_bytes(store, statuses)))


def _bytes(store: Path, statuses: dict[str, str]) -> Iterator[int]:
    for name in statuses:
        if (store / name / MANIFEST).is_file():
            yield sum(read_manifest(store / name / MANIFEST)["files"].values())


def _state(run: Path, statuses: dict[str, str]) -> str:
    if not statuses:
        return "not finished"
    counts = Counter(statuses.values())
    missing, failed = counts["missing"], counts["failed"]
    if failed:
        return f"{failed} of {counted(len(statuses), 'stage')} failed"
    return f"{len(statuses) - missing} of {counted(len(statuses), 'stage')}" if missing else "complete"
