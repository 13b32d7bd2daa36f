"""A run does not depend on the reader of its output."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pali3kit.streams import failsafe_output, new_console

ROOT = Path(__file__).parents[1]
WORK = """
import sys
from pathlib import Path
from pali3kit.streams import failsafe_output
with failsafe_output() as output:
    for number in range(20000):
        print("83.7\\u2020", number)
        if number % 1000 == 0:
            print("so far", number, "\\u2713", file=sys.stderr, flush=True)
    with failsafe_output() as inner, open("file", "w") as file:
        assert inner is output and file.fileno() > 2
        print("inside")
    sys.stdout.flush()
    Path(sys.argv[1]).write_text(f"done {output.error}")
"""


def shell(command: str, tmp_path: Path, **variables: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell command, in which `WORK` stands for the program."""
    (tmp_path / "work.py").write_text(WORK)
    words = command.replace("WORK", f"{sys.executable} work.py result")
    environment = {**os.environ, "PYTHONPATH": str(ROOT), **variables}
    return subprocess.run(["bash", "-c", words], cwd=tmp_path, env=environment, capture_output=True, check=False)


@pytest.mark.parametrize(
    ("command", "lost"),
    [
        ("WORK", "None"),
        ("WORK >&-", "None"),
        ("WORK >&- 2>&- <&-", "None"),
        ("WORK | head -1; exit ${PIPESTATUS[0]}", "[Errno 32] Broken pipe"),
        ("WORK 2>&1 | head -1; exit ${PIPESTATUS[0]}", "[Errno 32] Broken pipe"),
        ("WORK >/dev/full", "[Errno 28] No space left on device"),
        ("WORK 2>/dev/full", "None"),
        ("WORK 1</dev/null", "[Errno 9] Bad file descriptor"),
    ],
)
def test_the_work_is_done_whatever_happens_to_the_output(command: str, lost: str, tmp_path: Path) -> None:
    done = shell(command, tmp_path)
    assert done.returncode == 0 and b"Traceback" not in done.stderr and b"Exception" not in done.stderr
    assert (tmp_path / "result").read_text() == f"done {lost}"


def test_characters_that_an_encoding_lacks_are_escaped(tmp_path: Path) -> None:
    done = shell("WORK", tmp_path, PYTHONIOENCODING="ascii")
    assert done.returncode == 0 and done.stdout.startswith(b"83.7\\u2020 0\n") and done.stdout.endswith(b"inside\n")
    assert done.stderr.startswith(b"so far 0 \\u2713\n")


def test_a_pipe_that_does_not_block_is_waited_for(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("import os\nos.set_blocking(1, False)\n" + WORK)
    command = [sys.executable, "work.py", "result"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert len(done.stdout.splitlines()) == 20001


def test_streams_without_files_are_unchanged(capsys: pytest.CaptureFixture[str]) -> None:
    with failsafe_output() as output:
        print("here")
    assert output is None and capsys.readouterr().out == "here\n"


@pytest.mark.parametrize("error", [False, True])
def test_colours_may_be_forced_but_nothing_moves_where_there_is_no_terminal(
    error: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a notebook, which would show each state of a progress bar."""
    for name in ("TTY_COMPATIBLE", "TTY_INTERACTIVE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("FORCE_COLOR", "1")
    console = new_console(error)
    assert console.is_terminal and not console.is_interactive and console.stderr == error
    monkeypatch.setattr(sys.stderr if error else sys.stdout, "isatty", lambda: True)
    assert new_console(error).is_interactive
