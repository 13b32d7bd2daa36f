"""Shared by the benchmarks: interleaved timing, tables, versions. Not a script."""

from __future__ import annotations

import os
import platform
import random
import time
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from statistics import median

import torch


def interleaved(calls: Mapping[str, Callable[[], object]], rounds: int, warm_up: int = 1) -> dict[str, list[float]]:
    """Seconds of each call in each round, as defined by `counts_processor_time`.

    Every round runs every call once, in a random order, so that temporary slowdowns of the machine, and the effects of
    one call on the next, are spread over all calls.
    """
    shuffle = random.Random(0).shuffle
    names = list(calls)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(-warm_up, rounds):
        shuffle(names)
        for name in names:
            taken = _seconds(calls[name])
            if number >= 0:
                seconds[name].append(taken)
    return seconds


def counts_processor_time() -> bool:
    """Whether to measure processor time, which other processes hardly affect: with one thread on a CPU."""
    return torch.get_num_threads() == 1 and not torch.cuda.is_available()


def _seconds(call: Callable[[], object]) -> float:
    clock = time.process_time if counts_processor_time() else time.perf_counter
    _wait_for_gpu()
    start = clock()
    call()
    _wait_for_gpu()
    return clock() - start


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def paired_ratio(peer: Sequence[float], ours: Sequence[float]) -> float:
    """Median over the rounds of peer / ours: above 1 if ours is faster."""
    return median(p / o for p, o in zip(peer, ours, strict=True))


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a Markdown table with aligned columns."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    for row in (header, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
    print(flush=True)


def print_setup(*packages: str) -> None:
    """Print one line: versions of torch and `packages`, processor, threads, load of the last minute, unit of time."""
    named = [f"{name} {import_module(name).__version__}" for name in ("torch", *packages)]
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    clock = "processor time" if counts_processor_time() else "wall clock"
    print(", ".join([*named, processor(), f"{torch.get_num_threads()} thread(s)", load, clock]) + "\n", flush=True)


def processor() -> str:
    """The name of the GPU, or without one, of the CPU and its vector instructions."""
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return f"{models[0] if models else platform.processor()} ({torch.backends.cpu.get_cpu_capability()})"
