"""One damaged experiment, checked in a process of its own whose time and memory are measured."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from mutations import EXPERIMENTS, Case

from pali3kit.config.load import load
from pali3kit.run import main

Work = Callable[[list[str]], tuple[str, str]]

MOST_SECONDS, MOST_MEGABYTES = 2.0, 300.0
BAD = ("traceback", "slow", "fat", "torch", "killed")
HANGS = 20  # seconds of CPU after which a case is ended


@dataclass(frozen=True)
class Outcome:
    """`kind` is `accepted`, `refused`, or one of `BAD`; `told` is what was printed, or the traceback."""

    kind: str
    seconds: float
    megabytes: float
    told: str


@cache
def _warm(work: Work) -> None:
    """What every case needs is read before the forks."""
    work([str(EXPERIMENTS / "pali3.yaml")])


def trial(case: Case, work: Work) -> Outcome:
    """Work on a case in a fork of this process: `checked` or `planned`."""
    _warm(work)
    with TemporaryDirectory() as folder:
        arguments = case.write(Path(folder))
        kind, told, usage = _forked(lambda: work(arguments), Path(folder) / "told")
    seconds, megabytes = usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024
    if kind in ("accepted", "refused") and seconds > MOST_SECONDS:
        kind = "slow"
    if kind in ("accepted", "refused") and megabytes > MOST_MEGABYTES:
        kind = "fat"
    return Outcome(kind, seconds, megabytes, told)


def checked(words: list[str]) -> tuple[str, str]:
    """What `check` makes of a file and overrides, and what it prints."""
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
            code = main(["check", *words])
    except BaseException:
        return "traceback", traceback.format_exc()
    if "torch" in sys.modules:
        return "torch", printed.getvalue()
    return {0: "accepted", 2: "refused"}.get(code, "traceback"), printed.getvalue()


def planned(words: list[str]) -> tuple[str, str]:
    """Whether the graph of what `check` accepts can be built."""
    from pali3kit.plan.graph import build

    try:
        experiment = load(words[0], words[1:])
        return "accepted", f"{len(build(experiment).steps)} stages"
    except BaseException:
        return "traceback", traceback.format_exc()


def _forked(work: Callable[[], tuple[str, str]], file: Path) -> tuple[str, str, resource.struct_rusage]:
    child = os.fork()
    if child == 0:
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
        signal.setitimer(signal.ITIMER_PROF, HANGS)  # its signal ends a process that does not wait for it
        kind, told = work()
        file.write_text(f"{kind}\n{told}", encoding="utf-8", errors="backslashreplace")
        os._exit(0)
    _, status, usage = os.wait4(child, 0)
    if status or not file.exists():
        return "killed", f"ended with status {status}", usage
    kind, _, told = file.read_text(encoding="utf-8").partition("\n")
    return kind, told, usage
