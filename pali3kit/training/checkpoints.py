"""Checkpoints of a training: any strategy and any number of ranks continue from them, and each is whole or absent.

`checkpoint/step-N` has, as safetensors, one file for each rank, the trainable parameters, the buffers and the
optimizer's state by name. torch.distributed.checkpoint writes and reads them, and reshards what it reads. `state.json`
has everything that is not a tensor; `manifest.json` has the size and sha256 of each file and of itself. A folder is
written as `step-N.partial` and renamed when all ranks have written. Frozen parameters are not saved: the stage builds
them again, from its parents and its seed.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

import lightning as L
import torch.distributed as dist
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict_loader import load
from torch.distributed.checkpoint.state_dict_saver import async_save, save

from pali3kit.durable import remove, sha256_of, sync, write_atomically
from pali3kit.errors import StageError, first_line
from pali3kit.training.context import CHECKPOINTS, StageContext
from pali3kit.training.training_state import plain_state, set_plain_state, training_tensors

_MANIFEST, _STATE = "manifest.json", "state.json"
_PARTIAL = ".partial"
_Result = TypeVar("_Result")


class TrainingCheckpoints:
    """The checkpoints of a stage. With several ranks, all of them must call each method, except `idle` and `close`.

    Two are kept, so that one is left if the newest is damaged. Writing goes on in a thread while training continues,
    one checkpoint at a time. It has its own process group, as collective operations of two threads must not mix.
    """

    def __init__(self, context: StageContext) -> None:
        self.context, self.folder = context, context.folder / CHECKPOINTS
        self.group: dist.ProcessGroup | None = None
        if context.execution.world_size > 1:
            self.group = cast(dist.ProcessGroup, dist.new_group(backend="gloo"))
        self.step = 0  # of the newest whole one
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._writing: Future[None] | None = None

    def find(self) -> int:
        """The step of the newest whole checkpoint, 0 if there is none. Damaged ones are told.

        Remains of a killed process are removed. The ranks share the verification and agree on its result.
        """
        steps = self._together(lambda: self._listed() if self.context.writes else [])[0]
        for step in steps:
            folder = self.folder / f"step-{step}"
            problems = [problem for problem in self._together(partial(self._damage, folder)) if problem]
            if not problems:
                self.step = step
                self._say(f"continues from its checkpoint of step {step}")
                return step
            self._say(f"its checkpoint {folder} is damaged: {problems[0]}")
        if steps:
            self._say("starts again, since no checkpoint is whole")
        return 0

    def restore(self, trainer: L.Trainer, microbatches: int) -> None:
        """Continue from the checkpoint that `find` has found: fill the model, the optimizer and all callbacks, and set
        the loop to its step. Call it when the strategy is set up.

        Raises StageError if it is not one of this model.
        """
        folder = self.folder / f"step-{self.step}"
        saved = json.loads((folder / _STATE).read_text(encoding="utf-8"))
        tensors, _ = training_tensors(trainer, saved["values"])
        reader = HuggingFaceStorageReader(str(folder))
        try:
            with _plain_errors():
                load(tensors, storage_reader=reader, process_group=self.group, no_dist=self.group is None)
        except (RuntimeError, ValueError) as error:
            raise StageError(
                f"{folder} does not fit the model, delete it to start again: {first_line(error)}"
            ) from error
        set_plain_state(trainer, saved, self.step, microbatches)

    def save(self, trainer: L.Trainer, finish: bool = False) -> None:
        """Write a checkpoint of this step: copy what is to be written, then write in a thread while training goes on.
        With `finish`, return when it is complete, and copy nothing.

        Raises what writing raised: here where it is finished, else in `idle`, `finish` or the next call.
        """
        self.finish()
        tensors, values = training_tensors(trainer)
        step, data = trainer.global_step, json.dumps(plain_state(trainer) | {"values": values}).encode()
        writer = HuggingFaceStorageWriter(str(self._partial(step)), save_distributed=True)
        group, alone = self.group, self.group is None
        if finish:
            self._write(step, data, lambda: save(tensors, storage_writer=writer, process_group=group, no_dist=alone))
            return
        written = async_save(tensors, storage_writer=writer, process_group=group, no_dist=alone)
        assert isinstance(written, Future)
        self._writing = self._thread.submit(self._write, step, data, written.result)

    def idle(self) -> bool:
        """Whether no checkpoint is being written. Raises the error of one that failed."""
        if self._writing is not None and self._writing.done():
            self.finish()
        return self._writing is None

    def finish(self) -> None:
        """Wait until the one that is being written is complete. Raises its error."""
        writing, self._writing = self._writing, None
        if writing is not None:
            writing.result()

    def close(self) -> None:
        """End the thread. What it writes is completed, unless other ranks no longer answer."""
        if self._writing is not None:
            wait([self._writing], self.context.execution.grace_seconds)
        self._thread.shutdown(wait=False)

    def _write(self, step: int, state: bytes, write_tensors: Callable[[], object]) -> None:
        """Write all of a checkpoint, and rename its folder; what a failure leaves is removed, to free the disk."""
        unfinished = self._partial(step)
        try:
            with _plain_errors():
                write_tensors()
            rank = self.context.execution.rank
            entries = self._together(lambda: _entries(unfinished, f"shard-{rank + 1:05d}-*"))
            files = {name: entry for some in entries for name, entry in some.items()}
            self._together(lambda: self._publish(step, state, files) if self.context.writes else None)
        except BaseException:
            if self.context.writes:
                remove(unfinished)
            raise
        self.step = step

    def _publish(self, step: int, state: bytes, files: dict[str, list[Any]]) -> None:
        """Seal the folder of a checkpoint whose tensors are there, rename it, and remove all but the one before."""
        unfinished, folder = self._partial(step), self.folder / f"step-{step}"
        write_atomically(unfinished / _STATE, state)
        files |= _entries(unfinished, _STATE)
        manifest = {"step": step, "world_size": self.context.execution.world_size, "files": files}
        write_atomically(
            unfinished / _MANIFEST, json.dumps(manifest | {"sha256": _digest(manifest)}, indent=1).encode()
        )
        sync(unfinished)
        remove(folder)  # a damaged one
        os.replace(unfinished, folder)
        sync(self.folder)
        sync(self.folder.parent)
        for other in self.folder.iterdir():
            if other.name not in (f"step-{step}", f"step-{self.step}"):
                os.replace(other, unfinished)  # so that a half-removed one is none
                remove(unfinished)

    def _listed(self) -> list[int]:
        """The steps of all checkpoints, the newest first; remains of killed processes are removed."""
        if not self.folder.is_dir():
            return []
        for unfinished in self.folder.glob(f"*{_PARTIAL}"):
            remove(unfinished)
        return sorted((int(path.name.removeprefix("step-")) for path in self.folder.glob("step-*")), reverse=True)

    def _damage(self, folder: Path) -> str:
        """What is wrong with this rank's share of the files; empty if nothing is."""
        try:
            manifest = json.loads((folder / _MANIFEST).read_text(encoding="utf-8"))
            if manifest.pop("sha256") != _digest(manifest) or f"step-{manifest['step']}" != folder.name:
                return f"the sha256 of {_MANIFEST} is wrong"
            files = sorted(manifest["files"].items())
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            return f"{_MANIFEST} cannot be read: {first_line(error)}"
        execution = self.context.execution
        for name, (size, digest) in files[execution.rank :: execution.world_size]:
            try:
                if (found := (folder / name).stat().st_size) != size:
                    return f"{name} has {found} bytes instead of {size}"
                if sha256_of(folder / name) != digest:
                    return f"the sha256 of {name} is wrong"
            except OSError as error:
                return f"{name} cannot be read: {first_line(error)}"
        return ""

    def _partial(self, step: int) -> Path:
        return self.folder / f"step-{step}{_PARTIAL}"

    def _together(self, action: Callable[[], _Result]) -> list[_Result]:
        """What `action` returns in each rank. If it raises in one, all raise."""
        if self.group is None:
            return [action()]
        own: tuple[Any, str] = None, ""
        failure: Exception | None = None
        try:
            own = action(), ""
        except Exception as error:
            own, failure = (None, first_line(error)), error
        every: list[Any] = [None] * self.context.execution.world_size
        dist.all_gather_object(every, own, self.group)
        if failure is not None:
            raise failure
        for rank, (_, problem) in enumerate(every):
            if problem:
                raise StageError(f"rank {rank} {problem}")
        return [result for result, _ in every]

    def _say(self, text: str) -> None:
        if self.context.writes:
            self.context.say(text)


def _entries(folder: Path, pattern: str) -> dict[str, list[Any]]:
    """Size and sha256 of the files that match a pattern."""
    return {path.name: [path.stat().st_size, sha256_of(path)] for path in folder.glob(pattern)}


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


@contextmanager
def _plain_errors() -> Iterator[None]:
    """Raise the first error of a rank itself, instead of DCP's BaseException with the tracebacks of all."""
    try:
        yield
    except CheckpointException as failed:
        raise next(iter(failed.failures.values()))[0] from None
