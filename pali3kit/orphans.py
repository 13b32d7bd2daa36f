"""End a child process when its parent dies, however that happens: an orphan would keep locks and cores."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int, alive: Connection | None = None) -> None:
    """End this process when its parent dies: by a signal of the kernel on Linux, and when the pipe `alive` is closed.

    Args:
        parent: the parent's process id.
        alive: a pipe whose other end only the parent holds open. Without it, only Linux ends this process.
    """
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without prctl
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)
    if alive is not None:
        threading.Thread(target=_exit_when_closed, args=(alive,), daemon=True).start()


def _exit_when_closed(alive: Connection) -> None:
    with suppress(EOFError, OSError):
        alive.recv()
    os._exit(1)
