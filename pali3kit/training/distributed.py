"""The ranks of a stage that does not train: they share its batches, results reach rank 0, errors reach all."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TypeVar, cast

import torch.distributed as dist

from pali3kit.errors import Pali3Error, StageError
from pali3kit.training.context import Execution

WAIT = timedelta(days=7)  # for the slowest rank; one that has ended breaks its connections, which is noticed at once
B = TypeVar("B")
R = TypeVar("R")


class Ranks:
    """The processes of a stage; a single one needs no process group.

    All ranks create it at the start of the stage and call its methods in the same order. Objects are sent by gloo,
    from CPU to CPU: torch pickles them, and they come from our own processes only.
    """

    def __init__(self, execution: Execution) -> None:
        self.rank, self.count = execution.rank, execution.world_size
        self._group = _new_group() if self.count > 1 else None
        self._ended = False  # an error was raised in all ranks: no rank waits for another any more

    def mine(self, batches: Sequence[B]) -> Sequence[B]:
        """The batches of this rank, every `count`-th one: for any number of ranks the same batches are computed."""
        return batches[self.rank :: self.count]

    def map(self, work: Callable[[B], R], batches: Sequence[B]) -> Iterator[R]:
        """`work(batch)` of all batches in their order on rank 0; other ranks compute theirs and yield nothing.

        Ranks meet after each batch, so rank 0 can judge the results so far as a single process would, and holds no more
        than one result of each rank. An error of `work` is raised in all ranks.
        """
        if self.count == 1:
            yield from map(work, batches)
            return
        mine = iter(self.mine(batches))
        for first in range(0, len(batches), self.count):
            present = min(self.count, len(batches) - first)  # ranks that have a batch in this round
            with self.together():
                result = work(next(mine)) if self.rank < present else None
            gathered: list[R | None] | None = [None] * self.count if self.rank == 0 else None
            with self._connected():
                dist.gather_object(result, gathered, group=self._group)
            yield from cast("list[R]", (gathered or [])[:present])

    def broadcast(self, value: R) -> R:
        """Rank 0's value, in all ranks; or the error that a rank met before it came here."""
        if self.count == 1:
            return value
        self._agree(None)
        values = [value]
        with self._connected():
            dist.broadcast_object_list(values, group=self._group)
        return values[0]

    @contextmanager
    def together(self) -> Iterator[None]:
        """Wait at the end until all ranks are there; an error of any rank, the first one's of several, is raised in
        all. May be nested: a rank that fails tells the others wherever they wait next.
        """
        if self.count == 1:
            yield
            return
        error = None
        try:
            yield
        except Exception as raised:
            if self._ended:
                raise
            error = raised
        self._agree(error)

    def _agree(self, error: Exception | None) -> None:
        """The one collective where ranks may meet from different places, as one of them that failed does."""
        errors: list[Exception | None] = [None] * self.count
        with self._connected():
            dist.all_gather_object(errors, _sendable(error, self.rank), group=self._group)
        first = next((rank for rank, one in enumerate(errors) if one is not None), None)
        if first is None:
            return
        self._ended = True
        if error is not None and first == self.rank:
            raise error
        agreed = errors[first]
        assert agreed is not None
        raise agreed from error

    @contextmanager
    def _connected(self) -> Iterator[None]:
        try:
            yield
        except RuntimeError as error:
            self._ended = True
            raise StageError(f"rank {self.rank}: another rank has ended, whose own message says why") from error


def _new_group() -> dist.ProcessGroup:
    """The default group's ranks, with gloo and more patience."""
    group = dist.new_group(backend="gloo", timeout=WAIT)
    assert isinstance(group, dist.ProcessGroup)
    return group


def _sendable(error: Exception | None, rank: int) -> Exception | None:
    """An error of ours as it is; of others, which may not be picklable, their text."""
    if error is None or isinstance(error, Pali3Error):
        return error
    return StageError(f"rank {rank}: {type(error).__name__}: {error}")
