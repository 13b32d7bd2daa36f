"""The clock of calibrations. Free of torch, which the stage of the tokenizer does not need."""

from __future__ import annotations

import os
import time


def clock() -> float:
    """Seconds since some moment, of the processor where one thread does the work: time for which other processes have
    the core is not counted, which made calibrations on a busy machine up to 16 times too long.

    Of several threads it is the time of day, as their processor time counts the waiting for each other.
    """
    return time.process_time() if os.environ.get("OMP_NUM_THREADS") == "1" else time.perf_counter()
