"""One training loop for every stage: Lightning's, fed by a pure function of the step, resumable to the bit."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import lightning as L
import torch
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.strategies import DDPStrategy, ModelParallelStrategy, Strategy
from lightning.pytorch.utilities.types import STEP_OUTPUT
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from pali3kit.config.stages import Training
from pali3kit.errors import Pali3Error, StageError
from pali3kit.orphans import die_with_parent
from pali3kit.training.checkpoints import CHECKPOINT, save, sharded, steps_done
from pali3kit.training.context import Execution, StageContext
from pali3kit.training.device import chosen_device, chosen_precision
from pali3kit.training.modules import StageModule
from pali3kit.training.stopping import TERMINATED, Request

CURVE_POINTS = 100
MakeBatch = Callable[[int], Any]
"""From a step to its batch, or to a list of the passes whose gradients add up to the step's."""


class Steps(IterableDataset[object]):
    """Batch `i` for every step from `start` on: what a step sees depends on nothing but its number."""

    def __init__(self, make: MakeBatch, start: int, total: int) -> None:
        self.make, self.start, self.total = make, start, total

    def __iter__(self) -> Iterator[object]:
        """All steps, or those of one of several loading processes, whose batches the loader takes in turn."""
        worker = get_worker_info()
        number, count = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in range(self.start + number, self.total, count):
            try:
                yield self.make(step)
            except Pali3Error as error:  # a loading process would wrap it in a traceback: the trainer raises it
                yield error


class Passes:
    """The batches of a loader one by one, also where a step has several: these stay together, whoever loaded them."""

    def __init__(self, loader: DataLoader[object]) -> None:
        self.loader = loader

    def __iter__(self) -> Iterator[object]:
        for made in self.loader:
            yield from made if isinstance(made, list) else [made]


class Recorder(Callback):
    """Reports progress, keeps the learning curve, checkpoints now and then, and stops at the first NaN or SIGTERM.

    Over several ranks the curve is the mean of all, so that the loss is the whole batch's.
    """

    def __init__(self, context: StageContext, steps: int, passes: int = 1) -> None:
        self.context, self.steps, self.passes = context, steps, passes
        self.every = max(1, steps // CURVE_POINTS)
        self.rows: list[dict[str, float]] = []
        self.sums: dict[str, float] = {}
        self.saved, self.took = time.monotonic(), 0.0
        self.stop = Request()

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self.stop.listen()

    def on_train_batch_start(
        self, trainer: L.Trainer, pl_module: L.LightningModule, batch: object, batch_idx: int
    ) -> None:
        if isinstance(batch, Pali3Error):
            raise batch
        # Dropout too is a function of the step, on every device: nothing of a generator's state needs to be kept.
        seed = (self.context.execution.rank << 56) + (self.context.seed << 32) + trainer.global_step
        torch.manual_seed(seed + (batch_idx % self.passes << 48))

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: STEP_OUTPUT, batch: object, batch_idx: int
    ) -> None:
        step = trainer.global_step
        assert isinstance(outputs, Mapping)
        numbers = {name: float(value) for name, value in outputs.items()}
        if not all(map(_is_finite, numbers.values())):
            raise StageError(f"the loss is not finite at step {step}: {numbers}. Lower the learning rate")
        for name, value in numbers.items():
            self.sums[name] = self.sums.get(name, 0.0) + value / self.passes
        if (batch_idx + 1) % self.passes:
            return
        if step % self.every == 0 or step == self.steps:
            count = (step - 1) % self.every + 1
            means = {name: _over_ranks(trainer, total / count) for name, total in self.sums.items()}
            self.rows.append({"step": step, **means})
            self.sums = {}
            self.context.report(step, self.steps, **{k: v for k, v in self.rows[-1].items() if k != "step"})
        # What takes long to write is written less often: a tenth of the time at most.
        since, seldom = time.monotonic() - self.saved, max(self.context.execution.checkpoint_seconds, 10 * self.took)
        if self._agreed(trainer, since > seldom or self.stop.came):
            start = time.monotonic()
            save(trainer, self.context)
            self.saved = time.monotonic()
            self.took = self.saved - start if self.context.execution.checkpoint_seconds else 0.0
            if self._agreed(trainer, self.stop.came):  # they meet here when the file is whole
                raise SystemExit(TERMINATED)

    def _agreed(self, trainer: L.Trainer, wanted: bool) -> bool:
        """Whether any rank wants it: they save, and stop, together."""
        return bool(trainer.strategy.reduce_boolean_decision(wanted, all=False))

    def state_dict(self) -> dict[str, object]:
        return {"rows": self.rows, "sums": self.sums, "sharded": sharded(self.context.execution)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows, self.sums = state_dict["rows"], state_dict["sums"]


def fit(
    module: StageModule,
    make: MakeBatch,
    training: Training,
    context: StageContext,
    recorders: Sequence[Callback] = (),
    passes: int = 1,
) -> None:
    """Train `module` on `make(step)` until the budget is spent, and leave `curve.csv` in the stage's folder.

    With several `passes`, `make` gives a list of so many batches, whose mean gradient moves the weights once.

    A checkpoint in the folder is continued: batches are functions of the step and the weights, moments and curve are
    restored, so that a killed run ends with the same numbers as one that was not. A damaged one is told and not used.
    It stays there: what was trained is not saved yet. `recorders` see every batch too.

    Raises:
        StageError: the loss is not finite, or the checkpoint is of another strategy.
        DataError: a batch cannot be made.
        SystemExit: SIGTERM came; the checkpoint is of the step that was just done.
    """
    steps = count_steps(training)
    checkpoint = context.folder / CHECKPOINT
    start = steps_done(checkpoint, context)
    recorder = Recorder(context, steps, passes)
    L.seed_everything(context.seed, verbose=False)
    module.prepare(training.optimizer, steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Lightning's advice on workers and intervals: the loader is a function
        # The recorder is last: its checkpoint holds what the others made of the step.
        trainer = _trainer([*recorders, recorder], steps, training.optimizer.clip_norm, context.execution, passes)
        loader = Passes(_loader(Steps(make, start, steps), context.execution.loaders))
        with _no_loaders_left():
            path = str(checkpoint) if start else None
            trainer.fit(module, loader, ckpt_path=path, weights_only=bool(start) or None)
    if context.writes:
        _write_curve(recorder.rows, context.folder / "curve.csv")


def _over_ranks(trainer: L.Trainer, value: float) -> float:
    """The mean of a number over the ranks, which meet here."""
    if trainer.world_size == 1:
        return value
    mean: torch.Tensor = trainer.strategy.reduce(torch.tensor(value, dtype=torch.float64), reduce_op="mean")
    return float(mean)


def count_steps(training: Training) -> int:
    """Whole batches in the budget, at least one."""
    return max(1, training.examples // training.batch_size)


def _trainer(callbacks: list[Callback], steps: int, clip_norm: float, execution: Execution, passes: int) -> L.Trainer:
    device = chosen_device()
    return L.Trainer(
        accelerator="gpu" if device.type == "cuda" else "cpu",
        devices=execution.ranks,
        strategy=_strategy(execution),
        plugins=[LightningEnvironment()],  # processes are started here, whatever cluster this is
        use_distributed_sampler=False,
        precision=chosen_precision(device, execution.precision),
        max_steps=steps,
        max_epochs=-1,
        gradient_clip_val=clip_norm or None,
        accumulate_grad_batches=passes,
        callbacks=callbacks,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        limit_val_batches=0,
    )


def _loader(steps: Steps, processes: int) -> DataLoader[object]:
    """Forked, since what makes a batch may be anything; a worker's own way to start processes would pickle it."""
    if not processes:
        return DataLoader(steps, batch_size=None)
    parent = os.getpid()

    def settle(number: int) -> None:
        die_with_parent(parent)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # the whole group may get it: who trains decides when to end

    return DataLoader(
        steps, batch_size=None, num_workers=processes, multiprocessing_context="fork", worker_init_fn=settle
    )


@contextmanager
def _no_loaders_left() -> Iterator[None]:
    """End the processes that load, which outlive an error as long as somebody holds its traceback."""
    try:
        yield
    finally:
        for process in multiprocessing.active_children():
            if process.daemon:
                process.kill()
                process.join()


def _strategy(execution: Execution) -> str | Strategy:
    """Lightning's way to share the work; the ranks themselves are started by `execution/ranks.py`."""
    if execution.ranks == 1:
        return "auto"
    if execution.strategy == "ddp":
        return DDPStrategy(broadcast_buffers=False)
    return ModelParallelStrategy(
        data_parallel_size=execution.ranks, tensor_parallel_size=1, save_distributed_checkpoint=False
    )


def _is_finite(value: float) -> bool:
    return value - value == 0.0


def _write_curve(rows: list[dict[str, float]], path: Path) -> None:
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
