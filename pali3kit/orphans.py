"""Die with the parent: it may be killed at any moment, and no orphan may keep a lock or a core."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import threading
from contextlib import suppress
from multiprocessing.connection import Connection

_PR_SET_PDEATHSIG = 1


def die_with(parent: int, alive: Connection) -> None:
    """Die when the parent does, however it does: by the kernel's signal on Linux, by a closed pipe elsewhere."""
    die_with_parent(parent)

    def watch() -> None:
        with suppress(EOFError, OSError):
            alive.recv()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def die_with_parent(parent: int) -> None:
    """The kernel's half of it, for processes without a pipe; elsewhere than on Linux nothing."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # a C library without it: the pipe does it
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the call above
            os._exit(1)
