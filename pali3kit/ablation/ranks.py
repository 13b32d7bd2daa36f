"""Several processes that train one encoder together: the worker is rank 0, the others live as long as its stage."""

from __future__ import annotations

import copy
import multiprocessing
import os
import signal
import socket
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from pali3kit.ablation.environment import environment
from pali3kit.ablation.orphans import die_with
from pali3kit.errors import Pali3Error, StageError
from pali3kit.registry import STAGE
from pali3kit.training.context import StageContext

SPREAD = frozenset({"vision"})  # stages that can be shared among ranks
GRACE_SECONDS = 60.0


@contextmanager
def joined(kind: str, config: dict[str, Any], context: StageContext) -> Iterator[StageContext]:
    """The context of rank 0, while the other ranks, if any, run the same stage.

    Raises:
        StageError: another rank failed; it says which and why.
    """
    ranks = context.execution.ranks if kind in SPREAD else 1
    if ranks == 1:
        loaders = context.execution.loaders if kind in SPREAD else 0
        yield replace(context, execution=replace(context.execution, ranks=1, loaders=loaders))
        return
    variables = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()), "WORLD_SIZE": str(ranks)}
    spawn = multiprocessing.get_context("spawn")
    alive, kept = spawn.Pipe(duplex=False)
    others = []
    for rank in range(1, ranks):
        execution = replace(context.execution, rank=rank)
        arguments = (kind, config, replace(context, report=_silent, execution=execution), variables, alive, os.getpid())
        others.append(spawn.Process(target=_rank, args=arguments, name=f"rank {rank}"))
    try:
        for process in others:
            process.start()
        with environment(variables | _place(0)):
            yield context
        for process in others:
            process.join(GRACE_SECONDS)
    except Exception as error:
        if reason := _first_failure(context.folder, ranks):
            raise StageError(reason) from error
        raise
    finally:
        for process in others:
            process.kill()
            process.join()
        kept.close()
        _leave_group()
        for rank in range(1, ranks):
            _last_words(context.folder, rank).unlink(missing_ok=True)


def _rank(
    kind: str, config: dict[str, Any], context: StageContext, variables: dict[str, str], alive: Connection, parent: int
) -> None:
    """The life of a rank above 0."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with(parent, alive)
    os.environ.update(variables | _place(context.execution.rank))
    try:
        stage = STAGE.get(kind)
        import torch

        torch.set_num_threads(context.threads)
        stage(copy.deepcopy(config), context)
    except Exception as error:
        own = isinstance(error, Pali3Error)
        reason = str(error) if own else f"{type(error).__name__}: {error}"
        _last_words(context.folder, context.execution.rank).write_text(reason)
        traceback.print_exc()
        os._exit(1)  # its peers wait for it: they must see its sockets close at once


def _leave_group() -> None:
    """What this worker makes next forms a group of its own."""
    import torch.distributed as dist

    if dist.is_initialized():
        dist.destroy_process_group()


def _first_failure(folder: Path, ranks: int) -> str:
    """What the rank that began it says: the others see no more than a connection that ended."""
    spoken = [(rank, _last_words(folder, rank)) for rank in range(1, ranks)]
    return next((f"rank {rank}: {words.read_text()}" for rank, words in spoken if words.exists()), "")


def _last_words(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank}.txt"


def _place(rank: int) -> dict[str, str]:
    """What Lightning reads in the environment: processes that are there already."""
    return {"LOCAL_RANK": str(rank), "NODE_RANK": "0"}


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _silent(done: int, total: int, **numbers: float) -> None:
    """Ranks above 0 report nothing."""
