"""SIGTERM, e.g. from a preempting job scheduler: training ends with a checkpoint of its last step."""

from __future__ import annotations

import signal
import threading
from types import FrameType

TERMINATED = 128 + signal.SIGTERM  # exit code


class StopRequest:
    """Whether SIGTERM `came`, after `listen`."""

    def __init__(self) -> None:
        self.came = False

    def listen(self) -> None:
        """Make SIGTERM only set `came`. Python allows this in the main thread only; elsewhere SIGTERM still kills.

        This replaces Lightning's handler, which would start a collective operation at once, in the middle of a step.
        Lightning restores the original handler at the end.
        """
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.came = True
