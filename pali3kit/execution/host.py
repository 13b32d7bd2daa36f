"""This machine: its processor model and the cores that this process may use."""

from __future__ import annotations

import os
import platform
from functools import cache
from pathlib import Path

from pali3kit.config.runtime import Runtime


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


def load_average() -> float:
    """How many processes ran or waited for a core in the last minute, on average; 0 where the system does not say."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):
        return 0.0


@cache
def processor() -> str:
    """The model name of the processor, as the system reports it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except (OSError, ValueError):
        lines = []
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or platform.machine())


def gpus_of(runtime: Runtime, worker: int, ranks: int = 1) -> dict[str, str]:
    """The environment variable by which each of the ranks of a worker's stage has a GPU of its own, as far as there are
    any; empty without GPUs.

    A worker has as many GPUs as the most distributed stage needs, whatever its own stages need: no two share one.
    """
    visible, first = _gpus(), worker * _most_devices(runtime)
    own = [visible[(first + rank) % len(visible)] for rank in range(min(ranks, len(visible)))]
    return {"CUDA_VISIBLE_DEVICES": ",".join(own)} if own else {}


def _gpus() -> list[str]:
    """The GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` names them."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        return [name.strip() for name in allowed.split(",") if name.strip()]
    return [str(number) for number in range(len(list(Path("/dev").glob("nvidia[0-9]*"))))]


def _most_devices(runtime: Runtime) -> int:
    """Devices of the most distributed stage that runs on this node alone."""
    runtimes = [runtime, *map(runtime.of, runtime.stages)]
    return max((each.devices for each in runtimes if each.nodes == 1), default=1)


def divide_cores(runtime: Runtime, cells: int) -> tuple[int, int]:
    """Return (workers, threads per stage): one worker per cell as long as there are cores, and GPUs if it has any, for
    all devices of the most distributed stage. Workers share the cores, and the ranks of a stage its threads.

    For small models one thread per process is fastest. More threads than cores are about ten times slower, because
    OpenMP's barriers spin.
    """
    devices = _most_devices(runtime)
    workers = runtime.parallel_stages or max(1, min((len(_gpus()) or cores()) // devices, cores() // devices, cells))
    return workers, runtime.threads or max(1, cores() // workers)
