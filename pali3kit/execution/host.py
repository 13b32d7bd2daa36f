"""This machine: its processor model and the cores that this process may use."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

from pali3kit.config.schema import Runtime


@cache
def cores() -> int:
    """Count usable cores: the affinity mask, bounded by a container's quota (cgroup v2), at least 1."""
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        count = min(count, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # no cgroup v2, or "max": no quota
    return count


@cache
def processor() -> str:
    """The model name of the processor, as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except (OSError, ValueError):
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def divide_cores(runtime: Runtime, cells: int) -> tuple[int, int]:
    """Return (workers, threads per stage): one worker per cell as long as there are cores for all devices of the most
    distributed stage. The cores are divided among the workers; the ranks of a stage share its threads.

    For small models one thread per process is fastest. More threads than cores are about ten times slower, because
    OpenMP's barriers spin.
    """
    runtimes = [runtime, *map(runtime.of, runtime.stages)]
    devices = max((each.devices for each in runtimes if each.nodes == 1), default=1)
    workers = runtime.parallel_stages or max(1, min(cores() // devices, cells))
    return workers, runtime.threads or max(1, cores() // workers)
