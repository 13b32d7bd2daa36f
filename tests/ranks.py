"""Processes that train together, for the scripts `*_rank.py`: a process group of gloo that meets at a file."""

from __future__ import annotations

import faulthandler
import sys
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path

import torch
import torch.distributed as dist


def run(world: int, folder: Path, work: Callable[[int], None]) -> None:
    """Call `work(rank)` in each of `world` processes of a group, then exit: with 0 if none failed.

    A process that a signal ends prints its stack: two ranks crashed inside torch once, and not again in a hundred runs.
    """
    context = get_context("fork")  # torch is imported once, and nothing of it has run
    ranks = [context.Process(target=_rank, args=(rank, world, folder, work)) for rank in range(world)]
    for process in ranks:
        process.start()
    for process in ranks:
        process.join()
    sys.exit(max(abs(process.exitcode or 0) for process in ranks))


def _rank(rank: int, world: int, folder: Path, work: Callable[[int], None]) -> None:
    faulthandler.enable()
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{folder}/rendezvous", timedelta(seconds=60), world, rank)
    work(rank)
    dist.barrier()
    dist.destroy_process_group()
