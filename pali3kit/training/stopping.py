"""Signals that end a training with a checkpoint of its last step, e.g. from a scheduler that preempts the job."""

from __future__ import annotations

import signal
import threading
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGHUP)
"""SLURM announces the end of a job with SIGTERM, or with `--signal=USR1@120`; SIGHUP is a lost terminal."""
TERMINATED = 128 + signal.SIGTERM  # exit code


class StopRequest:
    """Whether a signal to stop `came`, after `listen`."""

    def __init__(self) -> None:
        self.came = False

    def listen(self) -> None:
        """Make these signals, unless they are ignored (`nohup`), only set `came`. Python allows this in the main thread
        only; elsewhere they still kill.

        This replaces Lightning's handlers, which would start a collective operation at once, in the middle of a step.
        Lightning restores the original handlers at the end.
        """
        if threading.current_thread() is threading.main_thread():
            for number in STOP_SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.came = True
