"""SIGTERM, which the system sends to a job that must make room: a training ends with a checkpoint of its last step."""

from __future__ import annotations

import signal
import threading
from types import FrameType

TERMINATED = 128 + signal.SIGTERM  # the exit code of what ended so


class Request:
    """Whether it `came`, once somebody listens."""

    def __init__(self) -> None:
        self.came = False

    def listen(self) -> None:
        """From now on SIGTERM does nothing but ask. Python allows that in the main thread only: elsewhere it ends all.

        The handler of Lightning, which this replaces, speaks to other ranks at once, in the middle of what they do; it
        puts back at the end what was there before it.
        """
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._hear)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        self.came = True
