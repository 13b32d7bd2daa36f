"""Several processes that train one encoder together: the worker only watches them."""

from __future__ import annotations

import multiprocessing
import os
import signal
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from importlib import import_module
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import FrameType

from pali3kit.errors import StageError
from pali3kit.execution.settle import reason, settle
from pali3kit.orphans import die_with
from pali3kit.plan.plain import StageConfig
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.stopping import TERMINATED


def alone(execution: Execution, spread: bool) -> Execution:
    """How a stage is carried out in the worker itself; what cannot be `spread` has no loading processes either."""
    return replace(execution, ranks=1, loaders=execution.loaders if spread else 0)


def run_ranks(stage: str, config: StageConfig, context: StageContext) -> None:
    """Run the module `stage` in `context.execution.ranks` processes, and return when all have done their part.

    Raises:
        StageError: one of them failed or was killed; it says which and why. The others are ended.
        SystemExit: SIGTERM came, and they ended with a checkpoint.
    """
    spawn = multiprocessing.get_context("spawn")
    alive, kept = spawn.Pipe(duplex=False)
    progress, reports = spawn.Pipe(duplex=False)
    ranks = range(context.execution.ranks)
    for rank in ranks:
        _last_words(context.folder, rank).unlink(missing_ok=True)
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(len(ranks))}
    processes: list[BaseProcess] = []
    for rank in ranks:
        execution = replace(context.execution, rank=rank)
        to = _Reports(reports if rank == 0 else None)
        own = replace(context, report=to, say=to.say, execution=execution)
        processes.append(spawn.Process(target=_rank, args=(stage, config, own, place, alive, os.getpid())))
    try:
        for process in processes:
            process.start()
        with _told_to_stop(processes):
            _watch(processes, progress, context)
    finally:
        for process in processes:
            process.kill()
            process.join()
        kept.close()
        for rank in ranks:
            _last_words(context.folder, rank).unlink(missing_ok=True)


class _Reports:
    """The report of rank 0 travels through a pipe to the worker; the others' goes nowhere."""

    def __init__(self, to: Connection | None) -> None:
        self.to = to

    def __call__(self, done: int, total: int, **numbers: float) -> None:
        if self.to is not None:
            self.to.send((done, total, numbers))

    def say(self, text: str) -> None:
        if self.to is not None:
            self.to.send(text)


def _watch(processes: list[BaseProcess], progress: Connection, context: StageContext) -> None:
    """Pass progress on until all processes have ended well. Raises StageError as soon as one has not."""
    running = dict(enumerate(processes))
    while running:
        wait([progress, *(process.sentinel for process in running.values())])
        while progress.poll():
            told = progress.recv()
            if isinstance(told, str):
                context.say(told)
            else:
                context.report(told[0], told[1], **told[2])
        ended = {rank: process for rank, process in running.items() if not process.is_alive()}
        if any(process.exitcode for process in ended.values()):
            raise StageError(_blamed({rank: process.exitcode or 0 for rank, process in ended.items()}, context.folder))
        for rank in ended:
            del running[rank]


@contextmanager
def _told_to_stop(processes: list[BaseProcess]) -> Iterator[None]:
    """Pass SIGTERM on to the ranks, and end as they do."""
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        asked = True
        for process in processes:
            process.terminate()

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except StageError:
        if asked:
            raise SystemExit(TERMINATED) from None
        raise
    finally:
        signal.signal(signal.SIGTERM, before)


def _blamed(codes: dict[int, int], folder: Path) -> str:
    """Which rank began it, and why: one that was killed, else the first that spoke. Others see a lost connection."""
    for rank, code in codes.items():
        if code < 0:
            return f"rank {rank} was killed by {signal.Signals(-code).name}"
    spoken = [words for rank in codes if (words := _last_words(folder, rank)).exists()]
    if not spoken:
        return f"rank {next(iter(codes))} ended unexpectedly"
    return min(spoken, key=lambda words: words.stat().st_mtime_ns).read_text(encoding="utf-8")


def _rank(
    stage: str, config: StageConfig, context: StageContext, place: dict[str, str], alive: Connection, parent: int
) -> None:
    """The life of a rank."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    die_with(parent, alive)
    rank = context.execution.rank
    os.environ.update(place | {"LOCAL_RANK": str(rank), "NODE_RANK": "0"})  # what Lightning reads
    try:
        module = import_module(stage)
        settle(context.threads, context.seed)
        module.run(config, context)
    except Exception as error:
        traceback.print_exc()
        with suppress(OSError):
            _last_words(context.folder, rank).write_text(f"rank {rank}: {reason(error)}", encoding="utf-8")
        os._exit(1)  # its peers wait for it
    finally:
        _leave()


def _leave() -> None:
    """Close the connections to the other ranks.

    Lightning leaves gloo's open, whose threads may then abort a rank while Python shuts down (pytorch#179291): one of
    seven FSDP runs ended with SIGABRT.
    """
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def _last_words(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank}.txt"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
