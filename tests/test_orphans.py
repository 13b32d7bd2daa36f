"""A process ends when its parent dies, even if that is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

PARENT = """
import multiprocessing, os, time
from pali3kit.orphans import die_with_parent

def child(alive, parent):
    die_with_parent(parent, alive)
    print("asked to be told", flush=True)
    time.sleep(300)

HIDDEN
if __name__ == "__main__":
    spawn = multiprocessing.get_context("spawn")
    alive, kept = spawn.Pipe(duplex=False)
    process = spawn.Process(target=child, args=(alive, os.getpid()))
    process.start()
    print(process.pid, flush=True)
    time.sleep(300)
"""


HIDDEN = {
    "nothing": "",
    "another system": "import sys; sys.platform = 'darwin'",
    "no prctl": "import ctypes; ctypes.CDLL = lambda name: object()",
}


@pytest.mark.parametrize("hidden", HIDDEN)
def test_the_child_of_a_killed_parent_is_gone(tmp_path, hidden):
    script = tmp_path / "parent.py"
    script.write_text(PARENT.replace("HIDDEN", HIDDEN[hidden]))
    parent = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert parent.stdout.readline() == "asked to be told\n"
    assert alive(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    deadline = time.monotonic() + 60
    while alive(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(child)


def alive(process):
    try:
        with open(f"/proc/{process}/status") as status:
            return "State:\tZ" not in status.read()
    except OSError:
        return False
