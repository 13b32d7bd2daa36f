"""Loading of training batches: a step's batch is a pure function of the step, made in this or in worker processes."""

from __future__ import annotations

import mmap
import multiprocessing
import os
import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from pali3kit.data.video.last_read import create_notes, noted, use_note
from pali3kit.errors import DataError, Pali3Error
from pali3kit.orphans import die_with_parent
from pali3kit.training.device import chosen_device
from pali3kit.training.stopping import STOP_SIGNALS

MakeBatch = Callable[[int], Any]
"""From a step to its batch, or to a list of microbatches whose gradients add up."""


class _Steps(IterableDataset[object]):
    """The batches of all steps from `start` on; each depends on its step only."""

    def __init__(self, make: MakeBatch, start: int, total: int) -> None:
        self.make, self.start, self.total = make, start, total

    def __iter__(self) -> Iterator[object]:
        """All steps, or in a worker process every `num_workers`-th: the loader takes the workers' batches in turn."""
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in range(self.start + number, self.total, count):
            try:
                yield self.make(step)
            except Pali3Error as error:  # raised by the trainer: a worker process would wrap it in a traceback
                yield error


class _Microbatches:
    """The microbatches of a loader's batches, one by one. `notes` tell which file each of its processes is reading."""

    def __init__(self, loader: DataLoader[object], notes: Sequence[mmap.mmap]) -> None:
        self.loader, self.notes = loader, notes

    def __iter__(self) -> Iterator[object]:
        for batch in self._batches():
            yield from batch if isinstance(batch, list) else [batch]

    def _batches(self) -> Iterator[object]:
        """The batches. Raises DataError where a process died while it read a file: a decoder may crash on it."""
        try:
            yield from self.loader
        except RuntimeError as error:
            files = [file for file in map(noted, self.notes) if file]
            if "exited unexpectedly" not in str(error) or not files:
                raise
            raise DataError(f"a loader process died while it read {' or '.join(files)}: {error}") from error


def _loader(steps: _Steps, processes: int, notes: Sequence[mmap.mmap]) -> DataLoader[object]:
    """A loader with `processes` worker processes, one for each of `notes`. They are forked, since `make` need not be
    picklable.

    For a GPU batches are put into pinned memory, which is copied to it while it computes.
    """
    pinned = chosen_device().type == "cuda"
    if not processes:
        return DataLoader(steps, batch_size=None, pin_memory=pinned)
    parent = os.getpid()

    def init_worker(number: int) -> None:
        die_with_parent(parent)
        use_note(notes[number])
        for signal_number in STOP_SIGNALS:  # they may reach the whole process group; the trainer handles them
            signal.signal(signal_number, signal.SIG_IGN)

    return DataLoader(
        steps,
        batch_size=None,
        num_workers=processes,
        pin_memory=pinned,
        multiprocessing_context="fork",
        worker_init_fn=init_worker,
    )


def load_batches(make: MakeBatch, start: int, total: int, num_workers: int) -> Iterable[object]:
    """The batches of all steps from `start` to `total`, microbatches one by one, made in `num_workers` processes.

    A Pali3Error in the place of a batch is to be raised.
    """
    notes = create_notes(num_workers)
    return _Microbatches(_loader(_Steps(make, start, total), num_workers, notes), notes)


@contextmanager
def loading(make: MakeBatch, start: int, total: int, num_workers: int) -> Iterator[Iterable[object]]:
    """`load_batches`, whose processes are killed at the end: after an error they live as long as its traceback is
    referenced.
    """
    try:
        yield load_batches(make, start, total, num_workers)
    finally:
        for process in multiprocessing.active_children():
            if process.daemon:
                process.kill()
                process.join()
