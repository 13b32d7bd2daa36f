"""The display of a run: progress bars on a terminal, throttled lines elsewhere, and every event in a log file.

Only the parent process writes; workers send it messages.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from pali3kit.plan.step import Step

LOG = "log.txt"  # in a run folder, from the beginning of the run
_LINE_SECONDS = 15.0
_SKIPPED = "skipped.txt"  # an artifact's list of samples that could not be used


class Display:
    """Shows a run on `console` and appends its events to the file `log`; a context manager.

    `costs` maps the digest of each stage that will run to its expected seconds, by which the overall bar advances.
    """

    def __init__(self, console: Console, log: Path, costs: Mapping[str, float]) -> None:
        self.console, self.log, self.costs = console, log, costs
        self.bars = _Bars(console, sum(costs.values())) if console.is_interactive else None
        self.shares: dict[str, float] = {}
        self.printed: dict[str, float] = {}
        self.finished_count = 0

    def __enter__(self) -> Display:
        if self.bars:
            self.bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bars:
            self.bars.stop()

    def say(self, text: str, style: str | None = None) -> None:
        """Print one line and log it."""
        self.console.print(escape(text), style=style, highlight=False, soft_wrap=True)
        self.write_log(text)

    def write_log(self, text: str) -> None:
        """Append one line with the local time. A log that cannot be written (full disk) does not end the run."""
        try:
            self.log.parent.mkdir(parents=True, exist_ok=True)
            with self.log.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} {text}\n")
        except OSError:
            return

    def started(self, step: Step) -> None:
        """Add a bar for a stage; log its first start."""
        if step.digest not in self.printed:
            self.write_log(f"started {step.label} ({step.name})")
        self.printed[step.digest] = time.monotonic()
        if self.bars:
            self.bars.add(step)

    def progressed(self, step: Step, done: int, total: int, numbers: Mapping[str, float]) -> None:
        """Advance a stage's bar; without bars, print a line at most every `_LINE_SECONDS`."""
        self.shares[step.digest] = done / max(total, 1)
        if self.bars:
            self.bars.update(step, done, total, numbers, self._overall())
        elif time.monotonic() - self.printed[step.digest] >= _LINE_SECONDS:
            self.printed[step.digest] = time.monotonic()
            self.console.print(
                escape(f"{step.label}: {done}/{total} {_as_text(numbers)}"), highlight=False, soft_wrap=True
            )

    def finished(self, step: Step, seconds: float, numbers: Mapping[str, float], folder: Path) -> None:
        """Replace a stage's bar by one line: its label, duration, key numbers and folder; one more for bad samples."""
        self._close(step)
        count, told = f"[{self.finished_count}/{len(self.costs)}]", _as_text(_key_numbers(folder, numbers))
        self.say("  ".join(filter(None, (f"{count} {step.label}", f"{seconds:.1f} s", told, str(folder)))))
        if (file := folder / _SKIPPED).exists():
            lines = len(file.read_text(encoding="utf-8", errors="replace").splitlines())
            self.say(f"{step.label}: {lines} samples or files could not be used, or only partly: {file}")

    def failed(self, step: Step, reason: str, folder: Path) -> None:
        """Print one line for a failed stage; its traceback is in `folder`, if it got as far as having one."""
        self._close(step)
        details = f"  (details: {folder})" if folder.exists() else ""
        self.say(f"FAILED {step.label}: {reason}{details}", style="bold red")

    def released(self, step: Step) -> None:
        """Remove the bar of a stage that another run is making."""
        if self.bars:
            self.bars.remove(step)

    def _close(self, step: Step) -> None:
        self.shares[step.digest] = 1.0
        self.finished_count += 1
        if self.bars:
            self.bars.remove(step)
            self.bars.move(self._overall())

    def _overall(self) -> float:
        return sum(self.costs.get(digest, 0.0) * share for digest, share in self.shares.items())


class _Bars:
    """One bar per running stage and one for the whole run."""

    def __init__(self, console: Console, total: float) -> None:
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=30),
            TextColumn("{task.percentage:>3.0f}%"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[numbers]}"),
            console=console,
            transient=True,
            refresh_per_second=5,
            speed_estimate_period=60.0,
        )
        self.overall = self.progress.add_task("[bold]all stages", total=max(total, 1e-9), numbers="")
        self.tasks: dict[str, TaskID] = {}

    def start(self) -> None:
        self.progress.start()

    def stop(self) -> None:
        self.progress.stop()

    def add(self, step: Step) -> None:
        self.tasks[step.digest] = self.progress.add_task(escape(step.label), total=None, numbers="")

    def update(self, step: Step, done: int, total: int, numbers: Mapping[str, float], overall: float) -> None:
        self.progress.update(self.tasks[step.digest], completed=done, total=total, numbers=escape(_as_text(numbers)))
        self.move(overall)

    def move(self, overall: float) -> None:
        self.progress.update(self.overall, completed=overall)

    def remove(self, step: Step) -> None:
        self.progress.remove_task(self.tasks.pop(step.digest))


def _key_numbers(folder: Path, numbers: Mapping[str, float]) -> dict[str, float]:
    """The value and sample count of an evaluation; for other stages, the numbers they reported last."""
    try:
        metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
        return {name: float(metrics[name]) for name in ("value", "n")}
    except (OSError, ValueError, KeyError, TypeError):
        return dict(numbers)


def _as_text(numbers: Mapping[str, float]) -> str:
    """`loss 0.412 accuracy 63.5`."""
    return " ".join(f"{name} {number:.4g}" for name, number in numbers.items())
