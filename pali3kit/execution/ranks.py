"""Run a stage in several processes, its ranks, while the worker process only watches them."""

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
from pali3kit.execution.process_setup import error_in_one_line, seed_and_set_threads
from pali3kit.orphans import die_with_parent
from pali3kit.plan.plain import StageConfig
from pali3kit.training.context import StageContext
from pali3kit.training.stopping import TERMINATED


def run_ranks(stage: str, config: StageConfig, context: StageContext) -> None:
    """Run the module `stage` in `context.execution.world_size` processes, and return when all have finished.

    Raises:
        StageError: a rank failed or was killed; the message says which and why. The other ranks are killed.
        SystemExit: on SIGTERM, after the ranks have written a checkpoint and ended.
    """
    spawn = multiprocessing.get_context("spawn")
    alive, kept = spawn.Pipe(duplex=False)
    progress, reports = spawn.Pipe(duplex=False)
    ranks = range(context.execution.world_size)
    for rank in ranks:
        _error_file(context.folder, rank).unlink(missing_ok=True)
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
        with _forwarding_sigterm(processes):
            _watch(processes, progress, context)
    finally:
        for process in processes:
            process.kill()
            process.join()
        kept.close()
        for rank in ranks:
            _error_file(context.folder, rank).unlink(missing_ok=True)


class _Reports:
    """Sends the progress of rank 0 through a pipe to the worker; other ranks have no pipe and send nothing."""

    def __init__(self, to: Connection | None) -> None:
        self.to = to

    def __call__(self, done: int, total: int, **numbers: float) -> None:
        if self.to is not None:
            self.to.send((done, total, numbers))

    def say(self, text: str) -> None:
        if self.to is not None:
            self.to.send(text)


def _watch(processes: list[BaseProcess], progress: Connection, context: StageContext) -> None:
    """Forward progress until all processes have ended successfully. Raises StageError as soon as one has failed."""
    running = dict(enumerate(processes))
    while running:
        wait([progress, *(process.sentinel for process in running.values())])
        while progress.poll():
            message = progress.recv()
            if isinstance(message, str):
                context.say(message)
            else:
                context.report(message[0], message[1], **message[2])
        ended = {rank: process for rank, process in running.items() if not process.is_alive()}
        if any(process.exitcode for process in ended.values()):
            raise StageError(
                _root_failure({rank: process.exitcode or 0 for rank, process in ended.items()}, context.folder)
            )
        for rank in ended:
            del running[rank]


@contextmanager
def _forwarding_sigterm(processes: list[BaseProcess]) -> Iterator[None]:
    """Forward SIGTERM to the ranks; once they have ended, exit as a terminated process does."""
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


def _root_failure(codes: dict[int, int], folder: Path) -> str:
    """Which rank failed first, and why: a killed one, else the first to leave an error message. The others fail after
    it, as they lose their connection.
    """
    for rank, code in codes.items():
        if code < 0:
            return f"rank {rank} was killed by {signal.Signals(-code).name}"
    messages = [file for rank in codes if (file := _error_file(folder, rank)).exists()]
    if not messages:
        return f"rank {next(iter(codes))} ended unexpectedly"
    return min(messages, key=lambda file: file.stat().st_mtime_ns).read_text(encoding="utf-8")


def _rank(
    stage: str, config: StageConfig, context: StageContext, place: dict[str, str], alive: Connection, parent: int
) -> None:
    """The main function of a rank."""
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, signal.SIG_IGN)
    die_with_parent(parent, alive)
    rank = context.execution.rank
    os.environ.update(place | {"LOCAL_RANK": str(rank), "NODE_RANK": "0"})  # what Lightning reads
    try:
        module = import_module(stage)
        seed_and_set_threads(context.threads, context.seed)
        _open_process_group(context)
        module.run(config, context)
    except Exception as error:
        traceback.print_exc()
        with suppress(OSError):
            _error_file(context.folder, rank).write_text(f"rank {rank}: {error_in_one_line(error)}", encoding="utf-8")
        os._exit(1)  # at once: a normal exit would wait for the other ranks
    finally:
        _close_process_group()


def _open_process_group(context: StageContext) -> None:
    """Connect the ranks: stages that do not train need no Lightning to do it."""
    import torch
    import torch.distributed as dist

    if torch.cuda.is_available():
        torch.cuda.set_device(context.execution.rank)
    backend = "cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo"
    dist.init_process_group(backend, rank=context.execution.rank, world_size=context.execution.world_size)


def _close_process_group() -> None:
    """Close the connections to the other ranks.

    Lightning leaves gloo's open, and their threads may abort the process while Python shuts down (pytorch#179291): one
    of seven FSDP runs ended with SIGABRT.
    """
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def _error_file(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank}.txt"


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
