"""Fixtures of the tests of `plan`, `execution`, `report` and `runner`: stages that take milliseconds, and their run."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import fakes
import pytest

from pali3kit.catalogue import STAGE
from pali3kit.registry import SOURCE

REPOSITORY = Path(__file__).parents[1]


class Bench:
    """Runs the fake experiment as a program of its own under `root`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.control = root / "control"
        self.control.mkdir(parents=True)

    def start(self, *words: str, group: bool = False) -> subprocess.Popen[str]:
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "COLUMNS": "200"}
        return subprocess.Popen(
            [sys.executable, str(Path(fakes.__file__)), str(self.root), *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
            start_new_session=group,
        )

    def run(self, *words: str, code: int = 0) -> str:
        process = self.start(*words)
        output, _ = process.communicate(timeout=300)
        assert process.returncode == code, output
        return output

    def wait_for(self, pattern: str, process: subprocess.Popen[str]) -> None:
        until = time.monotonic() + 120
        while not any(self.control.glob(pattern)):
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < until, f"{pattern} was never reached"
            time.sleep(0.01)

    def started(self) -> list[str]:
        return (self.control / "started").read_text().split()

    def report(self) -> bytes:
        return (self.root / "runs" / "fake" / "report.json").read_bytes()

    def artifacts(self) -> list[Path]:
        return sorted((self.root / "store").glob("*-*"))


@pytest.fixture(autouse=True)
def fake_stages():
    """The fakes stand in for the real stages in this folder's tests only."""
    with pytest.MonkeyPatch.context() as patch:  # of its own: a test may undo the common one
        SOURCE.names()  # the built-in ones first
        patch.setattr(SOURCE, "_entries", dict(SOURCE._entries))
        patch.setattr(STAGE, "_loaded", (dict(STAGE.found), STAGE.broken))
        fakes.install()
        yield


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished run, not to be changed."""
    bench = Bench(tmp_path_factory.mktemp("finished") / "root")
    bench.output = bench.run()
    return bench


@pytest.fixture
def experiment(tmp_path):
    return fakes.experiment(tmp_path)
